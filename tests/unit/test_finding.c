#include "core/finding.h"
#include "unit.h"
#include <ctype.h>

/* Scripts go by the codes, people by the sentences. */
static void every_finding_has_a_code_and_a_sentence(void **state)
{
	(void)state;
	for (enum finding_code f = 0; f < FINDING_COUNT; f++) {
		const char *code = finding_code_text(f);
		const char *sentence = finding_sentence(f);

		for (const char *c = code; *c != '\0'; c++)
			ROW_EXPECT(code, islower((unsigned char)*c) || *c == '-');
		ROW_EXPECT(code, code[0] != '\0');
		ROW_EXPECT(code, isupper((unsigned char)sentence[0]));
		ROW_EXPECT(code, sentence[strlen(sentence) - 1] == '.');
		for (enum finding_code other = 0; other < f; other++)
			ROW_EXPECT(code, strcmp(code, finding_code_text(other)) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_finding_has_a_code_and_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
