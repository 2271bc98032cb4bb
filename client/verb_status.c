/* status: does the server live, is it ready, what does it do, and who else serves its store. */
#include "base/check.h"
#include "client/command.h"
#include "client/metric.h"
#include "client/session.h"
#include "client/shape.h"
#include "client/show.h"
#include "client/memory.h"
#include <stdlib.h>
#include <string.h>

/* What is shown of /metrics beside what /readyz says: a value, or the mean of a histogram. */
enum reading { READ_VALUE, READ_MEAN_US, READ_MEAN };

/* clang-format off */
static const struct {
	const char *label;
	const char *metric;
	enum reading reading;
} readings[] = {
	{ "connections",         "rowlock_connections",       READ_VALUE   },
	{ "movements",           "rowlock_movements_total",   READ_VALUE   },
	{ "groups",              "rowlock_groups_total",      READ_VALUE   },
	{ "mean_group_commands", "rowlock_group_commands",    READ_MEAN    },
	{ "mean_lock_wait_us",   "rowlock_lock_wait_seconds", READ_MEAN_US },
	{ "mean_commit_us",      "rowlock_commit_seconds",    READ_MEAN_US },
};
/* clang-format on */

static json_t *mean_read(const char *metrics, const char *name, double scale)
{
	double sum;
	double count;

	if (!metric_find(metrics, name, "_sum", &sum) ||
	    !metric_find(metrics, name, "_count", &count) || count < 1.0)
		return NULL;
	return json_integer((json_int_t)(sum / count * scale + 0.5));
}

static json_t *metric_read(const char *metrics, const char *name, enum reading reading)
{
	double value;

	switch (reading) {
	case READ_MEAN_US:
		return mean_read(metrics, name, 1e6);
	case READ_MEAN:
		return mean_read(metrics, name, 1.0);
	case READ_VALUE:
		break;
	}
	return metric_find(metrics, name, "", &value) ? json_integer((json_int_t)value) : NULL;
}

static enum exit_code path_ask(struct session *s, const char *path, struct response *ret_response)
{
	struct api_request r;

	api_request_init(&r, "GET", path);
	enum exit_code code = api_send(s->api, &r, ret_response);
	api_request_fini(&r);
	return code;
}

/* status += the members of a probe's body (version, reasons ...), and whether it said yes. */
static enum exit_code probe_add(struct session *s, json_t *status, const char *path,
				const char *name)
{
	struct response response;
	enum exit_code code = path_ask(s, path, &response);

	if (code != EXIT_DONE)
		return code;
	/* {"live":true}, {"ready":true,...}: a page that greets everybody is not one of them. */
	bool is_yes = response.status == 200 && json_is_true(json_object_get(response.json, name));

	if (response.json != NULL)
		json_object_update_missing(status, response.json);
	json_put(status, name, json_boolean(is_yes));
	code = exit_of_answer(response.status, NULL);
	if (code == EXIT_DONE && !is_yes)
		code = exit_failed("%s%s answered something else than was asked for: is it "
				   "rowlockd?",
				   api_url(s->api), path);
	response_fini(&response);
	return code;
}

static enum exit_code metrics_add(struct session *s, json_t *status)
{
	struct response response;
	enum exit_code code = path_ask(s, "/metrics", &response);

	if (code != EXIT_DONE)
		return code;
	for (size_t i = 0; i < LENGTH_OF(readings) && response.status == 200; i++) {
		json_t *value =
			metric_read(response.body.data, readings[i].metric, readings[i].reading);

		if (value != NULL)
			json_put(status, readings[i].label, value);
	}
	if (response.status == 401 || response.status == 403)
		exit_failed("the figures are for a reader: --token-file FILE, or ROWLOCK_TOKEN");
	response_fini(&response);
	return EXIT_DONE;
}

/* The front ends, if this server lists them: an older one does not. NULL: it does not say. */
static json_t *front_ends_ask(struct session *s)
{
	struct response response;
	json_t *all = NULL;

	if (path_ask(s, "/v1/front-ends", &response) != EXIT_DONE)
		return NULL;
	json_t *data = json_object_get(response.json, "data");

	if (response.status == 200 && shape_fits_all(data, show_front_ends.shape))
		all = json_incref(data);
	response_fini(&response);
	return all;
}

static void front_ends_print(const json_t *all)
{
	struct table t;
	size_t i;
	json_t *row;

	show_table(&t, &show_front_ends);
	json_array_foreach (all, i, row)
		show_front_ends.add_row(&t, row, &show_front_ends);
	table_print(&t, stdout);
	table_fini(&t);
}

static void status_print(const struct session *s, json_t *status, json_t *front_ends)
{
	if (!s->is_json) {
		show_fields(status);
		if (json_array_size(front_ends) > 0) {
			puts("");
			front_ends_print(front_ends);
		}
		return;
	}
	if (front_ends != NULL)
		json_put(status, "front_ends", json_incref(front_ends));
	char *line = json_line(status);
	puts(line);
	free(line);
}

enum exit_code verb_status(struct session *s)
{
	json_t *status = memory_or_exit(json_object());
	enum exit_code live;
	enum exit_code ready = EXIT_DONE;

	json_put(status, "server", json_string(api_url(s->api)));
	live = probe_add(s, status, "/livez", "live");
	if (live != EXIT_UNREACHABLE)
		ready = probe_add(s, status, "/readyz", "ready");
	if (live != EXIT_UNREACHABLE && ready != EXIT_UNREACHABLE)
		metrics_add(s, status);
	if (live != EXIT_UNREACHABLE) {
		json_t *front_ends = ready != EXIT_UNREACHABLE ? front_ends_ask(s) : NULL;

		status_print(s, status, front_ends);
		json_decref(front_ends);
	}
	json_decref(status);
	return live != EXIT_DONE ? live : ready;
}
