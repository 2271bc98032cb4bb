#include "engine/mend.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/utf8.h"
#include "wire/messages_catalogue.h"
#include "wire/request_text.h"
#include <string.h>

bool mend_can_say(const struct code *code)
{
	return code_is_valid(code->text, strlen(code->text));
}

/* Cuts what is too long, and takes `instead` for nothing. 0 or a fault. */
static int mend_text(const char **text, size_t characters_max, const char *instead, struct arena *a)
{
	size_t bytes;

	CHECK(characters_max > 0);
	if (*text == NULL || (*text)[0] == '\0') {
		*text = instead;
		return 0;
	}
	bytes = utf8_prefix_bytes(*text, characters_max);
	if ((*text)[bytes] == '\0')
		return 0;
	*text = arena_copy(a, *text, bytes);
	return *text != NULL ? 0 : FAULT(-ENOMEM);
}

int mend_item(struct item *item, struct arena *a, bool *ret_can_be_said)
{
	enum outcome o = OUTCOME_DONE;
	int r;

	*ret_can_be_said = mend_can_say(&item->sku);
	r = mend_text(&item->name, NAME_CHARACTERS_MAX, item->sku.text, a);
	if (r == 0)
		r = mend_text(&item->unit, UNIT_CHARACTERS_MAX, "piece", a);
	if (r == 0 && item->attributes != NULL)
		o = message_judge_attributes(item->attributes, a);
	if (o == OUTCOME_OUT_OF_MEMORY)
		return FAULT(-ENOMEM);
	if (o != OUTCOME_DONE)
		item->attributes = NULL;
	return r;
}

int mend_location(struct location *location, struct arena *a, bool *ret_can_be_said)
{
	*ret_can_be_said = mend_can_say(&location->code);
	return mend_text(&location->name, NAME_CHARACTERS_MAX, location->code.text, a);
}

int mend_reservation(struct reservation *reservation, struct arena *a, bool *ret_can_be_said)
{
	int r;

	*ret_can_be_said = reservation->line_count > 0;
	for (int i = 0; i < reservation->line_count; i++)
		*ret_can_be_said = *ret_can_be_said && mend_can_say(&reservation->lines[i].sku) &&
				   mend_can_say(&reservation->lines[i].location);
	if (!id_is_valid(reservation->name))
		reservation->name = "r_";
	CHECK(reservation->name != NULL);
	r = mend_text(&reservation->owner, OWNER_CHARACTERS_MAX, NULL, a);
	if (r == 0)
		r = mend_text(&reservation->reference, REFERENCE_CHARACTERS_MAX, NULL, a);
	return r;
}
