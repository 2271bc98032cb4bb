#include "wire/json_stored.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/text.h"
#include "wire/json_load.h"
#include "wire/json_place.h"
#include <string.h>

int answer_body_judge(const char *body)
{
	bool lacks_memory = false;
	json_t *stored = json_load(body, strlen(body), 0, NULL, &lacks_memory);
	bool is_sound = json_is_object(stored);

	json_decref(stored);
	if (is_sound)
		return 0;
	return lacks_memory ? FAULT(-ENOMEM) : FAULT(-EBADMSG);
}

/* What a refusal says beside its detail. */
static bool is_member(const char *name, bool has_reservation)
{
	static const char *const names[] = { "lines",     "sku",       "location", "requested",
					     "available", "shortfall", "current" };

	for (size_t i = 0; i < LENGTH_OF(names) - has_reservation; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* As they were written: "lines":[...],"sku":"A-1". NULL: none. */
static const char *read_members(const char *body, json_t *stored, bool has_reservation,
				struct arena *texts)
{
	const char *members = NULL;
	struct text all;
	size_t index = 0;
	const char *name;
	json_t *ignored;

	text_init(&all);
	json_object_foreach (stored, name, ignored) {
		char *value = is_member(name, has_reservation)
				      ? json_member_text(body, strlen(body), index, texts)
				      : NULL;

		index++;
		if (value != NULL)
			text_add_format(&all, "%s\"%s\":%s", all.byte_count > 0 ? "," : "", name,
					value);
	}
	if (all.byte_count > 0 && !all.failed)
		members = arena_copy(texts, all.data, all.byte_count);
	text_fini(&all);
	return members;
}

static void read_reservation(struct answer *a, json_t *reservation, struct arena *texts)
{
	const char *id = json_string_value(json_object_get(reservation, "id"));
	const char *state = json_string_value(json_object_get(reservation, "state"));
	enum reservation_state known =
		state != NULL ? reservation_state_by_text(state) : RESERVATION_STATES;

	if (id == NULL || known == RESERVATION_STATES)
		return;
	a->reservation.name = arena_copy(texts, id, strlen(id));
	a->reservation.state = known;
}

static void read_refusal(const struct command *c, struct answer *a, json_t *stored,
			 struct arena *texts)
{
	bool has_reservation = command_is_of_reservation(c->kind);
	const char *detail = json_string_value(json_object_get(stored, "detail"));

	if (detail != NULL)
		a->detail = arena_copy(texts, detail, strlen(detail));
	a->members = read_members(a->body, stored, has_reservation, texts);
	if (has_reservation)
		read_reservation(a, json_object_get(stored, "current"), texts);
}

static void read_lease(struct answer *a, json_t *lease, struct arena *texts)
{
	const char *id = json_string_value(json_object_get(lease, "id"));

	if (id != NULL)
		a->lease.id = arena_copy(texts, id, strlen(id));
}

static int64_t version_of(json_t *stored)
{
	return json_integer_value(json_object_get(stored, "version"));
}

static void read_done(const struct command *c, struct answer *a, json_t *stored,
		      struct arena *texts)
{
	switch (command_traits(c->kind)->answers) {
	case ANSWERS_LEASE:
		read_lease(a, stored, texts);
		break;
	case ANSWERS_RESERVATION:
		read_reservation(a, stored, texts);
		break;
	case ANSWERS_ITEM:
		a->item.version = version_of(stored);
		break;
	case ANSWERS_LOCATION:
		a->location.version = version_of(stored);
		break;
	case ANSWERS_MOVEMENT:
	case ANSWERS_MOVEMENTS:
	case ANSWERS_STOCK:
	case ANSWERS_NOTHING:
		break; /* no text of theirs is stored */
	}
}

bool answer_read_stored(const struct command *c, struct answer *a, struct arena *texts)
{
	bool lacks_memory;
	json_t *stored;

	if (a->body == NULL)
		return true;
	stored = json_load(a->body, strlen(a->body), 0, NULL, &lacks_memory);
	if (stored != NULL && a->outcome == OUTCOME_DONE)
		read_done(c, a, stored, texts);
	else if (stored != NULL)
		read_refusal(c, a, stored, texts);
	json_decref(stored);
	return !lacks_memory;
}
