#include "wire/message.h"
#include "wire/json_read.h"

bool message_error_is_sound(const struct message_error *e)
{
	return e->outcome > OUTCOME_DONE && e->outcome < OUTCOME_COUNT && e->detail[0] != '\0' &&
	       (e->pointer[0] == '\0' || e->pointer[0] == '/' || e->pointer[0] == '{');
}

bool message_read_nothing(struct message m, struct message_error *e)
{
	return json_read(&m, NULL, NULL, 0, NULL, e);
}
