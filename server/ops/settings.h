/*
 * settings - the table of what can be set, schema/settings.def: names, kinds, defaults, bounds.
 *
 *     const struct setting *s = setting_find("slow-ms", 7);
 *     if (!setting_read(&config, s, "500"))
 *             setting_complain(s, "--slow-ms", "500", error);   // "--slow-ms: '500' is not ..."
 *
 * Where values come from, and who outranks whom, is ops/config.h.
 *
 * Threads: any; the table is constant.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config {
	/*
	 * One field per row of settings.def: TEXT, JUDGED, LIST and CHOICE const char *, NUMBER
	 * int64_t, SWITCH bool.
	 */
#define SETTING_TEXT(field, flag, when, value, argument, help)                const char *field;
#define SETTING_JUDGED(field, flag, when, value, argument, judge, must, help) const char *field;
#define SETTING_LIST(field, flag, when, value, argument, judge, must, help)   const char *field;
#define SETTING_NUMBER(field, flag, when, value, least, most, argument, help) int64_t field;
#define SETTING_SWITCH(field, flag, when, help)                               bool field;
#define SETTING_CHOICE(field, flag, when, value, choices, help)               const char *field;
#include "schema/settings.def"
#undef SETTING_TEXT
#undef SETTING_JUDGED
#undef SETTING_LIST
#undef SETTING_NUMBER
#undef SETTING_SWITCH
#undef SETTING_CHOICE
};

/* Their number. */
enum setting_index {
#define SETTING_TEXT(field, flag, when, value, argument, help)                SETTING_OF_##field,
#define SETTING_JUDGED(field, flag, when, value, argument, judge, must, help) SETTING_OF_##field,
#define SETTING_LIST(field, flag, when, value, argument, judge, must, help)   SETTING_OF_##field,
#define SETTING_NUMBER(field, flag, when, value, least, most, argument, help) SETTING_OF_##field,
#define SETTING_SWITCH(field, flag, when, help)                               SETTING_OF_##field,
#define SETTING_CHOICE(field, flag, when, value, choices, help)               SETTING_OF_##field,
#include "schema/settings.def"
#undef SETTING_TEXT
#undef SETTING_JUDGED
#undef SETTING_LIST
#undef SETTING_NUMBER
#undef SETTING_SWITCH
#undef SETTING_CHOICE
	SETTINGS,
};

enum setting_kind { KIND_TEXT, KIND_LIST, KIND_NUMBER, KIND_SWITCH, KIND_CHOICE };

/* When a new value takes effect: at the start only, or when the file is read again, too. */
enum setting_when { START, LIVE };

struct setting {
	enum setting_kind kind;
	enum setting_when when;
	const char *flag;     /* its name, without dashes before it */
	const char *argument; /* what --help calls the value; of a choice, the choices: "a|b" */
	const char *help;
	const char *text;                /* the default of a text or choice */
	bool (*judge)(const char *text); /* NULL: every text will do */
	const char *must;                /* what a text must be that `judge` refuses */
	int64_t number;                  /* the default of a number */
	int64_t least, most;             /* of a number */
	size_t offset;                   /* of the field in struct config */
};

extern const struct setting settings[SETTINGS];

enum {
	SETTING_NAME_BYTES = 64,
	SETTING_VALUE_BYTES = 16384, /* every list that is right fits */
	SETTING_QUOTED_BYTES = 512,  /* what a complaint shows of a value */
	SETTING_ERROR_BYTES = 1024,
};

/* The one of that name, or NULL. */
const struct setting *setting_find(const char *name, size_t bytes);

/*
 * The name that was likely meant, or NULL: no other is within two typing errors (Levenshtein) of
 * it. `others` are names that are looked at, too; NULL ends them.
 */
const char *setting_nearest(const char *name, size_t bytes, const char *const others[]);

/* ROWLOCK_SLOW_MS. */
void setting_variable(const struct setting *s, char ret[SETTING_NAME_BYTES]);

void setting_set_default(struct config *c, const struct setting *s);

/*
 * False: the text is no such value; the field may have changed all the same. Of a text the field
 * points at `text`.
 */
bool setting_read(struct config *c, const struct setting *s, const char *text);

/* What setting_read() refused: "from: 'text' is not a whole number from 1 to 9". Cut to fit. */
void setting_complain(const struct setting *s, const char *from, const char *text,
		      char ret[SETTING_ERROR_BYTES]);

/* As it is typed, without secrets (ops/disguise.h). What is cut to fit ends with dots. */
void setting_format(const struct config *c, const struct setting *s, char ret[SETTING_VALUE_BYTES]);

bool setting_is_equal(const struct config *a, const struct config *b, const struct setting *s);

/* Of a text, list or choice. */
const char *setting_text(const struct config *c, const struct setting *s);

/* Two lists as one, malloc'ed; NULL: memory is short. One that is empty adds nothing. */
char *setting_join(const char *a, const char *b);

/* Of a text, the pointer. */
void setting_copy(struct config *to, const struct config *from, const struct setting *s);
