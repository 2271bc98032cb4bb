#include "wire/answers_audit.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

void audit_entry_write(struct json *j, const struct audit_entry *e)
{
	json_open(j, '{');
	JSON_NAME(j, "id"), json_int(j, e->id);
	JSON_NAME(j, "actor"), json_text(j, e->actor);
	JSON_NAME(j, "action"), json_text(j, e->action);
	JSON_NAME(j, "subject"), json_text(j, e->subject);
	JSON_NAME(j, "detail"), json_raw(j, e->detail != NULL ? e->detail : "{}");
	JSON_NAME(j, "request_id"), json_text(j, e->request_id);
	JSON_NAME(j, "at"), json_time(j, e->at_ms);
	json_close(j, '}');
}

/* ---------------------------------------------------------------- changes of the catalogue */

static bool texts_are_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void pair_of_texts(struct json *j, const char *before, const char *now)
{
	json_open(j, '[');
	json_text(j, before);
	json_text(j, now);
	json_close(j, ']');
}

/* Of JSON already; NULL: null. */
static void pair_of_json(struct json *j, const char *before, const char *now)
{
	json_open(j, '[');
	json_raw(j, before != NULL ? before : "null");
	json_raw(j, now != NULL ? now : "null");
	json_close(j, ']');
}

/* NULL: null. */
static void pair_of_numbers(struct json *j, const int64_t *before, const int64_t *now)
{
	const int64_t *const both[] = { before, now };

	json_open(j, '[');
	for (size_t i = 0; i < 2; i++) {
		if (both[i] != NULL)
			json_int(j, *both[i]);
		else
			json_none(j);
	}
	json_close(j, ']');
}

static void write_version(struct json *j, const int64_t *before, const int64_t *now)
{
	CHECK(before != NULL || now != NULL);
	JSON_NAME(j, "version");
	if (now != NULL)
		json_int(j, *now);
	else
		pair_of_numbers(j, before, NULL);
}

static void write_name(struct json *j, const char *before, const char *now)
{
	if (texts_are_same(before, now))
		return;
	JSON_NAME(j, "name");
	pair_of_texts(j, before, now);
}

static const char *bool_text(const bool *is)
{
	return is == NULL ? NULL : *is ? "true" : "false";
}

static void write_archived(struct json *j, const bool *before, const bool *now)
{
	if ((before != NULL && *before) == (now != NULL && *now))
		return;
	JSON_NAME(j, "archived");
	pair_of_json(j, bool_text(before), bool_text(now));
}

static void write_backorder_limit(struct json *j, const int64_t *before, const int64_t *now)
{
	if ((before != NULL ? *before : 0) == (now != NULL ? *now : 0))
		return;
	JSON_NAME(j, "backorder_limit");
	pair_of_numbers(j, before, now);
}

static const int64_t *reorder_point_of(const struct item *i)
{
	return i != NULL && i->has_reorder_point ? &i->reorder_point : NULL;
}

static void write_reorder_point(struct json *j, const int64_t *before, const int64_t *now)
{
	if (before == NULL || now == NULL ? before == now : *before == *now)
		return;
	JSON_NAME(j, "reorder_point");
	pair_of_numbers(j, before, now);
}

/* The attributes, or how many they are; NULL: none. */
static const char *attributes_shown(const char *attributes, char ret[40])
{
	if (attributes == NULL || strlen(attributes) <= AUDIT_ATTRIBUTES_BYTES)
		return attributes;
	snprintf(ret, 40, "\"%zu bytes\"", strlen(attributes));
	return ret;
}

static void write_attributes(struct json *j, const char *before, const char *now)
{
	char counted_before[40], counted_now[40];

	if (texts_are_same(before, now))
		return;
	JSON_NAME(j, "attributes");
	pair_of_json(j, attributes_shown(before, counted_before),
		     attributes_shown(now, counted_now));
}

void audit_item_detail_write(struct json *j, const struct item *before, const struct item *now)
{
	CHECK(before != NULL || now != NULL);
	json_open(j, '{');
	write_version(j, before != NULL ? &before->version : NULL,
		      now != NULL ? &now->version : NULL);
	write_name(j, before != NULL ? before->name : NULL, now != NULL ? now->name : NULL);
	if (!texts_are_same(before != NULL ? before->unit : NULL, now != NULL ? now->unit : NULL)) {
		JSON_NAME(j, "unit");
		pair_of_texts(j, before != NULL ? before->unit : NULL,
			      now != NULL ? now->unit : NULL);
	}
	write_backorder_limit(j, before != NULL ? &before->backorder_limit : NULL,
			      now != NULL ? &now->backorder_limit : NULL);
	write_reorder_point(j, reorder_point_of(before), reorder_point_of(now));
	write_attributes(j, before != NULL ? before->attributes : NULL,
			 now != NULL ? now->attributes : NULL);
	write_archived(j, before != NULL ? &before->is_archived : NULL,
		       now != NULL ? &now->is_archived : NULL);
	json_close(j, '}');
}

void audit_location_detail_write(struct json *j, const struct location *before,
				 const struct location *now)
{
	CHECK(before != NULL || now != NULL);
	json_open(j, '{');
	write_version(j, before != NULL ? &before->version : NULL,
		      now != NULL ? &now->version : NULL);
	write_name(j, before != NULL ? before->name : NULL, now != NULL ? now->name : NULL);
	write_archived(j, before != NULL ? &before->is_archived : NULL,
		       now != NULL ? &now->is_archived : NULL);
	json_close(j, '}');
}
