#include "http/call.h"
#include "base/clock.h"
#include "http/reply.h"

static struct calls_options configuration;

void calls_configure(const struct calls_options *options)
{
	configuration = *options;
}

void calls_change(int64_t wait_default_ms, bool requires_keys)
{
	atomic_store(&configuration.wait_default_ms, wait_default_ms);
	atomic_store(&configuration.requires_keys, requires_keys);
}

const struct calls_options *calls_configuration(void)
{
	return &configuration;
}

bool call_read_wait(struct exchange *x, int64_t when_absent_ms, int64_t *ret_ms)
{
	const char *parameter = call_parameter(x, "wait");
	struct call *c = call_of(x);
	int64_t s;

	*ret_ms = when_absent_ms;
	if (c->wait_until_ns != 0) {
		int64_t left_ns = c->wait_until_ns - clock_monotonic_ns();

		*ret_ms = left_ns > 0 ? left_ns / NS_PER_MS : 0;
	} else if (parameter != NULL) {
		if (!integer_read(parameter, &s) || s < 0) {
			reply_wrong_parameter(x, "wait", "is whole seconds, at most 60.");
			return false;
		}
		*ret_ms = (s < WAIT_S_MAX ? s : WAIT_S_MAX) * MS_PER_S;
	} else if (prefer_wait_read(exchange_header(x, "Prefer"), &s)) {
		c->preferred_wait_s = s;
		*ret_ms = s * MS_PER_S;
	}
	return true;
}
