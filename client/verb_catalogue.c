/* item and location: the same five actions on two collections. */
#include "base/check.h"
#include "client/command.h"
#include "client/pages.h"
#include "client/session.h"
#include "client/show.h"

struct collection {
	const char *path;
	const char *word;
	const struct listing *listing;
};

static const struct collection items = { "/v1/items", "item", &show_items };
static const struct collection locations = { "/v1/locations", "location", &show_locations };

/* Sends one request about the member that the operand names. */
static enum exit_code member_ask(struct session *s, const struct collection *c, const char *method,
				 const char *shape, struct response *ret_response)
{
	struct api_request r;

	api_request_init(&r, method, c->path);
	api_request_add_segment(&r, session_operand(s, 0));
	if (args_has(&s->args, OPTION_UNARCHIVE))
		json_put(api_request_body(&r), "archived", json_false());
	enum exit_code code = session_ask_for(s, &r, shape, ret_response);
	api_request_fini(&r);
	return code;
}

static enum exit_code member_show(struct session *s, const struct collection *c, const char *method)
{
	struct response response;
	enum exit_code code = member_ask(s, c, method, c->listing->shape, &response);

	if (code != EXIT_DONE)
		return code;
	if (!show_accepted(s, &response) && s->is_json) {
		show_body(&response);
	} else if (response.status != 202) {
		show_fields(response.json);
		show_replayed(&response);
	}
	response_fini(&response);
	return EXIT_DONE;
}

static enum exit_code member_put(struct session *s, const struct collection *c)
{
	if (!args_has(&s->args, OPTION_NAME))
		return exit_usage("%s put needs --name TEXT", c->word);
	return member_show(s, c, "PUT");
}

/* Without a flag it would change nothing: better to say so than to seem to have done something. */
static enum exit_code member_patch(struct session *s, const struct collection *c)
{
	static const enum option members[] = {
		OPTION_NAME,       OPTION_UNIT,     OPTION_BACKORDER_LIMIT, OPTION_REORDER_POINT,
		OPTION_ATTRIBUTES, OPTION_ARCHIVED, OPTION_UNARCHIVE
	};
	bool has_any = false;

	for (size_t i = 0; i < LENGTH_OF(members); i++)
		has_any = has_any || args_has(&s->args, members[i]);
	if (!has_any)
		return exit_usage("%s patch needs a flag that says what to change", c->word);
	if (args_has(&s->args, OPTION_ARCHIVED) && args_has(&s->args, OPTION_UNARCHIVE))
		return exit_usage("--archived and --unarchive contradict each other");
	return member_show(s, c, "PATCH");
}

static enum exit_code member_delete(struct session *s, const struct collection *c)
{
	struct response response;
	enum exit_code code = member_ask(s, c, "DELETE", NULL, &response);

	if (code != EXIT_DONE)
		return code;
	if (!show_accepted(s, &response) && !s->is_json) {
		printf("%s %s is deleted\n", c->word, session_operand(s, 0));
		show_replayed(&response);
	}
	response_fini(&response);
	return EXIT_DONE;
}

enum exit_code verb_item_list(struct session *s)
{
	return pages_get(s, items.path, items.listing);
}

enum exit_code verb_item_show(struct session *s)
{
	return member_show(s, &items, "GET");
}

enum exit_code verb_item_put(struct session *s)
{
	return member_put(s, &items);
}

enum exit_code verb_item_patch(struct session *s)
{
	return member_patch(s, &items);
}

enum exit_code verb_item_delete(struct session *s)
{
	return member_delete(s, &items);
}

enum exit_code verb_location_list(struct session *s)
{
	return pages_get(s, locations.path, locations.listing);
}

enum exit_code verb_location_show(struct session *s)
{
	return member_show(s, &locations, "GET");
}

enum exit_code verb_location_put(struct session *s)
{
	return member_put(s, &locations);
}

enum exit_code verb_location_patch(struct session *s)
{
	return member_patch(s, &locations);
}

enum exit_code verb_location_delete(struct session *s)
{
	return member_delete(s, &locations);
}
