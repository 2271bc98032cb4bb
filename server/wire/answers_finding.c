#include "wire/answers_finding.h"

static const char *text_or_none(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

void finding_write(struct json *j, const struct finding *f)
{
	json_open(j, '{');
	JSON_NAME(j, "code"), json_text(j, finding_code_text(f->code));
	JSON_NAME(j, "sku"), json_text(j, text_or_none(f->sku.text));
	JSON_NAME(j, "location"), json_text(j, text_or_none(f->location.text));
	JSON_NAME(j, "name"), json_text(j, text_or_none(f->name));
	JSON_NAME(j, "seq");
	if (f->seq != 0)
		json_int(j, f->seq);
	else
		json_none(j);
	JSON_NAME(j, "expected"), json_int(j, f->expected);
	JSON_NAME(j, "found"), json_int(j, f->found);
	JSON_NAME(j, "detail"), json_text(j, finding_sentence(f->code));
	json_close(j, '}');
}
