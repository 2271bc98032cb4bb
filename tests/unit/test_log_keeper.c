#include "engine/log_keeper.h"
#include "unit.h"
#include <errno.h>
#include <stddef.h>

/* A log whose size the test says, and that counts how often it is copied. */
struct fake {
	struct store_writer writer;
	int64_t bytes;
	int copies;
	int fault; /* of each copy */
	struct log_keeper keeper;
};

static int64_t fake_log_bytes(struct store_writer *w)
{
	return ((struct fake *)w)->bytes;
}

static int64_t fake_tend(struct store_writer *w, enum tending how, int64_t wait_ms)
{
	struct fake *f = (struct fake *)w;

	(void)how;
	(void)wait_ms;
	f->copies++;
	return f->fault < 0 ? f->fault : f->copies;
}

static const struct writer_ops ops = { .log_bytes = fake_log_bytes, .tend = fake_tend };

static void begin(struct fake *f)
{
	*f = (struct fake){ .writer = { .ops = &ops } };
	log_keeper_init(&f->keeper, &f->writer);
}

/* How often it was copied in all, after a look at so many bytes. */
static int copies_at(struct fake *f, int64_t bytes, bool is_idle)
{
	f->bytes = bytes;
	assert_int_equal(log_keeper_look(&f->keeper, f->keeper.wrote_ns, is_idle), 0);
	return f->copies;
}

static void a_short_log_is_copied_when_no_write_is_ready(void **state)
{
	struct fake f;

	(void)state;
	begin(&f);
	assert_int_equal(copies_at(&f, COPY_BYTES_MIN - 1, true), 0);
	assert_int_equal(copies_at(&f, COPY_BYTES_MIN, false), 0);
	assert_int_equal(copies_at(&f, COPY_BYTES_MIN, true), 1);
	log_keeper_fini(&f.keeper);
}

static void a_long_log_is_copied_whoever_waits(void **state)
{
	struct fake f;

	(void)state;
	begin(&f);
	assert_int_equal(copies_at(&f, WAL_BYTES_CHECKPOINT - 1, false), 0);
	assert_int_equal(copies_at(&f, WAL_BYTES_CHECKPOINT, false), 1);
	log_keeper_fini(&f.keeper);
}

/* Somebody reads in it: trying at every group would copy nothing, and cost as much. */
static void a_log_that_goes_on_growing_is_left_for_a_while(void **state)
{
	const int64_t again = COPY_BYTES_MIN + WAL_BYTES_CHECKPOINT / 4;
	struct fake f;

	(void)state;
	begin(&f);
	assert_int_equal(copies_at(&f, COPY_BYTES_MIN, true), 1);
	assert_int_equal(copies_at(&f, again - 1, true), 1);
	assert_int_equal(copies_at(&f, again, true), 2);
	log_keeper_fini(&f.keeper);
}

static void a_log_that_began_anew_is_copied_as_the_first_one(void **state)
{
	struct fake f;

	(void)state;
	begin(&f);
	assert_int_equal(copies_at(&f, COPY_BYTES_MIN, true), 1);
	assert_int_equal(copies_at(&f, 4096, true), 1);
	assert_int_equal(copies_at(&f, COPY_BYTES_MIN, true), 2);
	log_keeper_fini(&f.keeper);
}

/* A hand that checkpoints or runs VACUUM holds up a copy. That is said where one was due. */
static void an_early_copy_that_finds_another_is_no_fault(void **state)
{
	static const struct {
		int64_t bytes;
		int fault;
		int want;
	} rows[] = {
		{ COPY_BYTES_MIN, -EBUSY, 0 },
		{ WAL_BYTES_CHECKPOINT - 1, -EBUSY, 0 },
		{ WAL_BYTES_CHECKPOINT, -EBUSY, -EBUSY },
		{ COPY_BYTES_MIN, -EIO, -EIO },
	};
	struct fake f;

	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		begin(&f);
		f.bytes = rows[i].bytes;
		f.fault = rows[i].fault;
		assert_int_equal(log_keeper_look(&f.keeper, f.keeper.wrote_ns, true), rows[i].want);
		assert_int_equal(f.copies, 1);
		log_keeper_fini(&f.keeper);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_log_is_copied_when_no_write_is_ready),
		cmocka_unit_test(a_long_log_is_copied_whoever_waits),
		cmocka_unit_test(a_log_that_goes_on_growing_is_left_for_a_while),
		cmocka_unit_test(a_log_that_began_anew_is_copied_as_the_first_one),
		cmocka_unit_test(an_early_copy_that_finds_another_is_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
