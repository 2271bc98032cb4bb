#include "wire/message.h"
#include "wire/json_read.h"

bool message_read_nothing(struct message m, struct message_error *e)
{
	return json_read(&m, NULL, NULL, 0, NULL, e);
}
