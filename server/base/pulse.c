#include "base/pulse.h"
#include "base/check.h"
#include <stdio.h>
#include <string.h>

_Thread_local struct pulse *pulse_mine;
atomic_uint pulse_question;

enum { SLOT_FREE, SLOT_TAKEN, SLOT_WATCHED };

static struct pulse pulses[PULSES_MAX];

void pulse_begin(const char *name, int number)
{
	CHECK(pulse_mine == NULL);
	for (struct pulse *p = pulses; p < pulses + PULSES_MAX; p++) {
		int state = SLOT_FREE;

		if (!atomic_compare_exchange_strong(&p->state, &state, SLOT_TAKEN))
			continue;
		if (number >= 0)
			snprintf(p->name, sizeof(p->name), "%s-%d", name, number);
		else
			snprintf(p->name, sizeof(p->name), "%s", name);
		atomic_store(&p->excused_until_ns, 0);
		pulse_mine = p;
		pulse_beat();
		atomic_store(&p->state, SLOT_WATCHED);
		return;
	}
}

void pulse_end(void)
{
	if (pulse_mine == NULL)
		return;
	atomic_store(&pulse_mine->state, SLOT_FREE);
	pulse_mine = NULL;
}

void pulse_excuse(int64_t until_ns)
{
	CHECK(until_ns >= 0);
	if (pulse_mine != NULL)
		atomic_store(&pulse_mine->excused_until_ns, until_ns);
}

bool pulse_is_late(int64_t now_ns, char ret_name[PULSE_NAME_BYTES])
{
	unsigned question = atomic_load(&pulse_question);

	for (struct pulse *p = pulses; p < pulses + PULSES_MAX; p++) {
		if (atomic_load(&p->state) != SLOT_WATCHED ||
		    atomic_load_explicit(&p->answered, memory_order_acquire) == question ||
		    now_ns < atomic_load(&p->excused_until_ns))
			continue;
		memcpy(ret_name, p->name, PULSE_NAME_BYTES);
		ret_name[PULSE_NAME_BYTES - 1] = '\0';
		return true;
	}
	return false;
}

void pulse_ask(void)
{
	atomic_fetch_add(&pulse_question, 1);
}
