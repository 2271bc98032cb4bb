#include "wire/answers_lease.h"
#include "wire/answers_stock.h"

void lease_write(struct json *j, const struct lease_view *l)
{
	json_open(j, '{');
	JSON_NAME(j, "id"), json_text(j, l->id);
	JSON_NAME(j, "fence"), json_int(j, l->fence);
	JSON_NAME(j, "purpose"), json_text(j, l->purpose);
	JSON_NAME(j, "rows"), json_open(j, '[');
	for (int i = 0; i < l->row_count; i++) {
		json_open(j, '{');
		row_names_write(j, &l->rows[i].sku, &l->rows[i].location);
		json_close(j, '}');
	}
	json_close(j, ']');
	JSON_NAME(j, "expires_at"), json_time(j, l->expires_at_ms);
	JSON_NAME(j, "expires_in_ms"), json_int(j, l->expires_in_ms);
	json_close(j, '}');
}
