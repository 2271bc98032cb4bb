#include "exchange/speaker.h"
#include "base/check.h"
#include "base/text.h"
#include <pwd.h>
#include <stdio.h>

static const char user_header[] = "X-Forwarded-User";

/* ---------------------------------------------------------------- who is believed what */

static bool user_find(const char *user, uid_t *ret)
{
	const struct passwd *found = getpwnam(user);
	uint32_t number;

	if (found != NULL) {
		*ret = found->pw_uid;
		return true;
	}
	/* The last one is nobody's: chown(2) takes it for no change. */
	if (!text_read_uint32(user, &number) || number == UINT32_MAX)
		return false;
	*ret = (uid_t)number;
	return true;
}

static const struct socket_user *user_by_uid(const struct speakers *s, uid_t uid)
{
	for (int i = 0; i < s->user_count; i++)
		if (s->users[i].uid == uid)
			return &s->users[i];
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *user_add(struct speakers *s, const struct socket_role *r)
{
	struct socket_user *u = &s->users[s->user_count];

	if (!user_find(r->user, &u->uid))
		return "no user of this machine is called so";
	if (u->uid == UID_OVERFLOW)
		return "whoever the kernel cannot name would have this role";
	if (user_by_uid(s, u->uid) != NULL)
		return "the same user is there under another name";
	u->actor = actor_local;
	u->actor.token_id = LOCAL_TOKEN_ID + (int64_t)u->uid;
	u->actor.role = role_by_text(r->role);
	CHECK(u->actor.role < ROLES);
	CHECK(actor_set_user(&u->actor, r->user, strlen(r->user)));
	s->user_count++;
	return NULL;
}

bool speakers_open(struct speakers *s, const char *trust_proxy, const char *socket_role,
		   char ret_wrong[SPEAKER_WRONG_BYTES])
{
	struct socket_role roles[SOCKET_ROLES_MAX];
	int count = socket_roles_read(socket_role, roles);

	*s = (struct speakers){ 0 };
	CHECK(count >= 0);
	CHECK(trusted_proxies_read(trust_proxy, &s->proxies));
	for (int i = 0; i < count; i++) {
		const char *wrong = user_add(s, &roles[i]);

		if (wrong != NULL) {
			snprintf(ret_wrong, SPEAKER_WRONG_BYTES, "%s: %s", roles[i].user, wrong);
			return false;
		}
	}
	return true;
}

bool speakers_trust(const struct speakers *s, const struct peer *p)
{
	_Static_assert((int)IP_BYTES == (int)PEER_ADDRESS_BYTES, "both write addresses alike");

	if (p->kind == PEER_UNIX)
		return s->proxies.is_unix;
	if (p->kind != PEER_TCP)
		return false;
	for (int i = 0; i < s->proxies.count; i++)
		if (memcmp(s->proxies.addresses[i], p->address, IP_BYTES) == 0)
			return true;
	return false;
}

/* ---------------------------------------------------------------- what headers say */

static bool user_is_safe(const char *user)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._@+-";

	return user[strspn(user, letters)] == '\0';
}

enum outcome speaker_name_person(const struct peer *p, const struct header headers[], int count,
				 struct actor *a, const char **ret_detail)
{
	const char *user;

	if (!p->is_trusted_proxy)
		return OUTCOME_DONE;
	user = header_find(headers, count, user_header);
	if (user == NULL)
		return OUTCOME_DONE;
	if (header_times(headers, count, user_header) > 1) {
		*ret_detail = "X-Forwarded-User is there more than once: a proxy overwrites what "
			      "its client sent.";
		return OUTCOME_INVALID_HEADER;
	}
	if (user_is_safe(user) && actor_set_user(a, user, strlen(user)))
		return OUTCOME_DONE;
	*ret_detail = "X-Forwarded-User is 1 to 127 of A-Z a-z 0-9 . _ @ + -.";
	return OUTCOME_INVALID_HEADER;
}

const struct actor *speaker_local_user(const struct speakers *s, const struct peer *p,
				       const struct header headers[], int count)
{
	const struct socket_user *u;

	if (p->kind != PEER_UNIX || p->is_trusted_proxy)
		return NULL;
	u = user_by_uid(s, p->uid);
	if (u == NULL || header_find(headers, count, "Authorization") != NULL ||
	    headers_are_forwarded(headers, count))
		return NULL;
	return &u->actor;
}
