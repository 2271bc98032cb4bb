/*
 * far_store - rowlockd whose store says that it is a network away, though it is SQLite's.
 *
 * Where main.c calls sqlite_open() the function below is called (a macro of this build alone). No
 * loop reads the store then, as over PostgreSQL, and every conversation has to go as it goes
 * otherwise.
 */
#include "store/sqlite.h"
#undef sqlite_open

int sqlite_open(const struct store_options *options, struct store **ret_store,
		struct store_open_result *ret_result);

int far_sqlite_open(const struct store_options *options, struct store **ret_store,
		    struct store_open_result *ret_result)
{
	static struct store_ops far_ops;
	int r = sqlite_open(options, ret_store, ret_result);

	if (r < 0)
		return r;
	far_ops = *(*ret_store)->ops;
	far_ops.reads_inline = false;
	(*ret_store)->ops = &far_ops;
	return 0;
}
