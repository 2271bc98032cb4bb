#include "postgres_fixture.h"
#include "unit.h"
#include <stdlib.h>
#include <unistd.h>

static const char *uri(void)
{
	return getenv("ROWLOCK_TEST_POSTGRES");
}

bool postgres_fixture_is_there(void)
{
	return uri() != NULL;
}

void postgres_fixture_open(struct postgres_fixture *f)
{
	static int schema_count;
	static const char *const no_texts[] = { NULL };
	char path[512];
	struct store_options options = { .path = path, .busy_ms = 5000 };
	struct store_open_result result;

	*f = (struct postgres_fixture){ 0 };
	snprintf(path, sizeof(path), "%s&schema=reads_%d_%d", uri(), getpid(), ++schema_count);
	if (postgres_open(&options, &f->store, &result) < 0)
		fail_msg("%s", result.message);
	assert_int_equal(f->store->ops->open_reader(f->store, &f->reader), 0);
	assert_int_equal(
		postgres_connect(postgres_of(f->store), POSTGRES_TOOLS, no_texts, 1, &f->hand), 0);
}

void postgres_fixture_close(struct postgres_fixture *f)
{
	f->reader->ops->close(f->reader);
	postgres_disconnect(f->hand);
	f->store->ops->close(f->store);
}

void postgres_fixture_run(struct postgres_fixture *f, const char *sql)
{
	if (postgres_run_script(f->hand, sql) < 0)
		fail_msg("%s: %.300s", postgres_error_of(f->hand)->message, sql);
}

int64_t postgres_fixture_query(struct postgres_fixture *f, const char *sql)
{
	PGresult *result = NULL;
	int64_t found;

	if (postgres_run_text(f->hand, sql, &result) < 0)
		fail_msg("%s: %.300s", postgres_error_of(f->hand)->message, sql);
	assert_true(PQntuples(result) > 0);
	found = postgres_int(result, 0, 0);
	postgres_clear(&result);
	return found;
}
