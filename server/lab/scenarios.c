/* scenarios - every scenario, and the strategies of each: what people are told of them. */
#include "base/check.h"
#include "lab/courses.h"

#define WRONG(strategy_name, its_way, how)                                \
	{                                                                 \
		.name = (strategy_name), .way = &(its_way), .text = (how) \
	}
#define RIGHT(strategy_name, its_way, how)                                                  \
	{                                                                                   \
		.name = (strategy_name), .is_right = true, .way = &(its_way), .text = (how) \
	}

static const char row_group_text[] = "the service's engine: commands queue by row, and share one "
				     "flush";
static const char row_text[] = "a mutex for each row, one transaction for each update";

static const struct lab_strategy of_one_row[] = {
	WRONG("none", way_none, "look, think, write: no lock at all"),
	RIGHT("semaphore", way_semaphore, "one semaphore for the whole shop"),
	RIGHT("row", way_row, row_text),
	RIGHT("optimistic", way_optimistic, "write if the version is the same, else begin again"),
	RIGHT("atomic-sql", way_atomic_sql, "one statement: UPDATE ... WHERE on_hand >= ..."),
	RIGHT("row-group", way_row_group, row_group_text),
};

static const struct lab_strategy of_two_rows[] = {
	WRONG("row-naive", way_row_naive, "a mutex for each row, in the order of the request"),
	RIGHT("row", way_row, "a mutex for each row, in the order of their numbers"),
	RIGHT("row-group", way_row_group, row_group_text),
};

static const struct lab_strategy of_orders[] = {
	WRONG("no-key", way_no_key, "look whether the order was booked, then book it"),
	RIGHT("key", way_key, "an idempotency key, kept in the effect's own transaction"),
};

static const struct lab_strategy of_counts[] = {
	WRONG("set", way_set, "count, then write down what was counted"),
	RIGHT("as-of-seq", way_as_of_seq, "say what was counted, and as of which seq"),
	RIGHT("lease", way_lease, "hold the row while counting: others wait"),
};

static const struct lab_strategy of_reads[] = {
	{ .name = "locked",
	  .way = &way_locked,
	  .reads = "locked",
	  .text = "reads queue for the row like writes" },
	{ .name = "snapshot",
	  .is_right = true,
	  .way = &way_snapshot,
	  .reads = "snapshot",
	  .text = "reads see what was committed last, and wait for nobody" },
};

static const struct lab_strategy of_front_ends[] = {
	WRONG("naive", way_none, "SELECT, think, UPDATE to what is left: no lock at all"),
	WRONG("own-locks", way_own_locks,
	      "a mutex in each front end, of which the other one knows "
	      "nothing"),
	RIGHT("front-ends", way_front_ends,
	      "two of the service's engines over one shared store, "
	      "in memory: compare the harm, not the rate"),
};

#define STRATEGIES(list) .strategy_count = LENGTH_OF(list), .strategies = (list)

const struct lab_scenario lab_scenarios[] = {
	{ .name = "last-unit",
	  .title = "The last unit, sold once",
	  .text = "Everybody wants the one unit that is left; then the next item has one unit.",
	  .counted = "units sold that were not there",
	  STRATEGIES(of_one_row),
	  .course = &course_last_unit },
	{ .name = "hot-row",
	  .title = "One row that everybody sells from",
	  .text = "All clients take one unit at a time from the same row, which has plenty.",
	  .counted = "sales that are missing from the level",
	  STRATEGIES(of_one_row),
	  .course = &course_hot_row },
	{ .name = "transfer-abba",
	  .title = "Transfers in opposite directions",
	  .text = "Clients move units from A to B and from B to A: each needs both rows.",
	  .counted = "deadlocks",
	  STRATEGIES(of_two_rows),
	  .course = &course_transfer },
	{ .name = "double-submit",
	  .title = "An order that is sent twice",
	  .text = "Clients in pairs send the same order at about the same time.",
	  .counted = "effects of an order beyond its first",
	  STRATEGIES(of_orders),
	  .course = &course_double_submit },
	{ .name = "count-while-selling",
	  .title = "Counting a shelf that others sell from",
	  .text = "One client counts the shelf again and again, the others go on selling.",
	  .counted = "sales that a count has overwritten",
	  STRATEGIES(of_counts),
	  .course = &course_count },
	{ .name = "read-under-write",
	  .title = "Looking at a row that others change",
	  .text = "Every other client reads the row that the rest sells from.",
	  .counted = "how long a read takes",
	  STRATEGIES(of_reads),
	  .course = &course_read },
	{ .name = "two-front-ends",
	  .title = "Two front ends that sell the same row",
	  .text = "Half of the clients are at one front end, half at another; both sell from one "
		  "row.",
	  .counted = "sales that are missing from the level",
	  STRATEGIES(of_front_ends),
	  .course = &course_two_front_ends },
};

const int lab_scenario_count = LENGTH_OF(lab_scenarios);
