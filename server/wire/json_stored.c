#include "wire/json_stored.h"
#include <jansson.h>
#include <string.h>

void answer_read_stored(const struct command *c, struct answer *a, struct arena *texts)
{
	json_t *stored;

	if (a->body == NULL || a->outcome != OUTCOME_DONE)
		return;
	stored = json_loads(a->body, 0, NULL);

	const char *id = json_string_value(json_object_get(stored, "id"));
	const char *state = json_string_value(json_object_get(stored, "state"));
	int64_t version = json_integer_value(json_object_get(stored, "version"));

	if (c->kind == COMMAND_LEASE_TAKE && id != NULL)
		a->lease.id = arena_copy(texts, id, strlen(id));
	if (command_is_of_reservation(c->kind) && id != NULL)
		a->reservation.name = arena_copy(texts, id, strlen(id));
	if (command_is_of_reservation(c->kind) && state != NULL)
		a->reservation.state = reservation_state_by_text(state);
	if (c->kind == COMMAND_ITEM_PUT || c->kind == COMMAND_ITEM_PATCH)
		a->item.version = version;
	if (c->kind == COMMAND_LOCATION_PUT || c->kind == COMMAND_LOCATION_PATCH)
		a->location.version = version;
	json_decref(stored);
}
