#include "store/upkeep.h"
#include "base/check.h"
#include "store/postgres.h"

int upkeep_look(const struct upkeep_options *o, struct store_about *ret,
		struct store_open_result *result)
{
	CHECK(o->path != NULL);
	*ret = (struct store_about){ 0 };
	*result = (struct store_open_result){ 0 };
	return postgres_is_uri(o->path) ? postgres_upkeep_look(o, ret, result)
					: sqlite_upkeep_look(o, ret, result);
}

int upkeep_renew_epoch(const struct upkeep_options *o, struct store_about *ret,
		       struct store_open_result *result)
{
	CHECK(o->actor != NULL);
	*ret = (struct store_about){ 0 };
	*result = (struct store_open_result){ 0 };
	return postgres_is_uri(o->path) ? postgres_upkeep_renew_epoch(o, ret, result)
					: sqlite_upkeep_renew_epoch(o, ret, result);
}
