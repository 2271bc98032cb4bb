#include "engine/mailbox.h"
#include "base/fault.h"
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *m)
{
	guard_init(&m->guard, RANK_MAILBOX);
	list_init(&m->parcels);
	list_init(&m->outgoing);
	list_init(&m->outgoing_link);
	m->is_rung = false;
	m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return m->event_fd >= 0 ? 0 : FAULT(-errno);
}

void mailbox_fini(struct mailbox *m)
{
	CHECK(list_is_empty(&m->parcels));
	CHECK(list_is_empty(&m->outgoing));
	if (m->event_fd >= 0)
		close(m->event_fd);
	guard_fini(&m->guard);
}

void mailbox_post(struct mailbox *m, struct list *parcels)
{
	bool must_ring;

	CHECK(m->event_fd >= 0);
	guard_lock(&m->guard);
	list_splice_back(&m->parcels, parcels);
	must_ring = !m->is_rung;
	m->is_rung = true;
	guard_unlock(&m->guard);

	if (must_ring)
		CHECK(eventfd_write(m->event_fd, 1) == 0);
}

void mailbox_ring(struct mailbox *m)
{
	struct list nothing;

	list_init(&nothing);
	mailbox_post(m, &nothing);
}

void mailbox_take(struct mailbox *m, struct list *parcels)
{
	eventfd_t ignored;

	CHECK(m->event_fd >= 0);
	(void)eventfd_read(m->event_fd, &ignored);
	guard_lock(&m->guard);
	list_splice_back(parcels, &m->parcels);
	m->is_rung = false;
	guard_unlock(&m->guard);
}
