/*
 * command - what a client wants done, parsed and checked as far as that goes without the store.
 *
 * One struct for every kind: `rows` are the stock rows it names, in the request's order; the other
 * fields count only where the kind's row in schema/commands.def names them. What a row says of its
 * kind is read here; nobody else lists kinds for that. Texts live as long as the command does.
 */
#pragma once
#include "base/check.h"
#include "core/access.h"
#include "core/catalogue.h"
#include "core/movement.h"

/* Their numbers are stored, inside of the fingerprints of idempotency keys: they never change. */
enum command_kind {
#define COMMAND(number, name, word, op, path, touches, respects, movements, condition, statuses, \
		answers, flags, reader, decider, role)                                           \
	COMMAND_##name = number,
#include "schema/commands.def"
#undef COMMAND
	COMMAND_KINDS,
};

/* ------------------------------------------------------------------ what its row says */

/* What the path of its call names, and in a batch a member of its line. */
enum command_path {
	NAMES_NOTHING,
	NAMES_ROW, /* a sku and a location */
	NAMES_ITEM,
	NAMES_LOCATION,
	NAMES_LEASE,
	NAMES_RESERVATION,
};

/* A set: what it changes, or must find unchanged. */
enum command_touch {
	TOUCHES_NOTHING = 0,
	TOUCHES_ROWS = 1 << 0,        /* command.rows */
	TOUCHES_PROMISED = 1 << 1,    /* command.more_rows: of the reservation it resolves */
	TOUCHES_ITEM = 1 << 2,        /* item.sku */
	TOUCHES_LOCATION = 1 << 3,    /* location.code */
	TOUCHES_LEASE = 1 << 4,       /* lease_id, where it has one */
	TOUCHES_RESERVATION = 1 << 5, /* reservation_id, where it has one */
	TOUCHES_SUPERSEDED = 1 << 6,  /* supersedes, where it has one */
};

/* Which of If-Match, If-None-Match and expected it understands. */
enum command_condition {
	CONDITION_NONE,
	CONDITION_ROW,   /* If-Match of a stock row, expected, expected_version */
	CONDITION_THING, /* If-Match and If-None-Match: * of an item or location */
};

/* A set: the HTTP statuses of its success. */
enum command_success { SUCCESS_200 = 1 << 0, SUCCESS_201 = 1 << 1, SUCCESS_204 = 1 << 2 };

/* What the body of a success shows. */
enum command_answer {
	ANSWERS_NOTHING,   /* no body: 204 */
	ANSWERS_MOVEMENT,  /* its movement, and the row after it */
	ANSWERS_MOVEMENTS, /* one for each of its rows, and those */
	ANSWERS_STOCK,     /* the row alone */
	ANSWERS_ITEM,      /* as it is now, as are the three below */
	ANSWERS_LOCATION,
	ANSWERS_LEASE,
	ANSWERS_RESERVATION,
};

/* A row of schema/commands.def, which says what each column means. */
struct command_traits {
	const char *word;
	const char *op; /* "": no line of a batch makes it */
	enum command_path path;
	unsigned touches;   /* a set of TOUCHES_* */
	unsigned respects;  /* of those, TOUCHES_ROWS and TOUCHES_PROMISED */
	unsigned movements; /* a set: 1 << MOVEMENT_* */
	enum command_condition condition;
	unsigned statuses; /* a set of SUCCESS_* */
	enum command_answer answers;
	bool is_recorded; /* under an idempotency key */
	bool may_be_async;
	bool may_be_atomic;
	bool makes_id;  /* where none was given */
	enum role role; /* the least one that may do it */
};

extern const struct command_traits command_table[COMMAND_KINDS];

/* The same role as a constant, for tables: ROLE_OF_ADJUST. */
enum command_role {
#define COMMAND(number, name, word, op, path, touches, respects, movements, condition, statuses, \
		answers, flags, reader, decider, role)                                           \
	ROLE_OF_##name = ROLE_##role,
#include "schema/commands.def"
#undef COMMAND
};

static inline const struct command_traits *command_traits(enum command_kind kind)
{
	CHECK(kind < COMMAND_KINDS);
	return &command_table[kind];
}

/* Is it carried out with this HTTP status? */
bool command_may_answer(enum command_kind kind, int status);

/* The status of every success of a command that has only one. */
int command_status(enum command_kind kind);

/* May it write a movement of this kind into the ledger? */
static inline bool command_may_make(enum command_kind kind, enum movement_kind movement)
{
	return (command_traits(kind)->movements >> movement & 1) != 0;
}

/* The kind of every movement of a command that makes only one kind. */
enum movement_kind command_movement(enum command_kind kind);

/* Of the op of a batch's line; COMMAND_KINDS: there is none like it. */
enum command_kind command_by_op(const char *op);

/* Does it show its movements? Then its answer is told by the ledger's numbers alone. */
static inline bool command_shows_movements(enum command_kind kind)
{
	enum command_answer answers = command_traits(kind)->answers;

	return answers == ANSWERS_MOVEMENT || answers == ANSWERS_MOVEMENTS;
}

/* Is it about one reservation, that it makes, resolves or extends? */
static inline bool command_is_of_reservation(enum command_kind kind)
{
	return (command_traits(kind)->touches & TOUCHES_RESERVATION) != 0;
}

static inline bool command_is_of_item(enum command_kind kind)
{
	return (command_traits(kind)->touches & TOUCHES_ITEM) != 0;
}

/* ------------------------------------------------------------------ one of them */

/* What must be true of the row, item or location for the command to be carried out. */
struct condition {
	bool has_version; /* If-Match: "N", or expected_version: 412 otherwise */
	bool has_on_hand; /* expected: 409 stale-quantity otherwise */
	bool must_exist;  /* If-Match: * : 412 when the item, location or row is absent */
	int64_t version;
	int64_t on_hand;
};

/*
 * The row as it was when somebody began to count it; read from the ledger before the count queues.
 */
struct past_level {
	int64_t as_of_seq;
	int64_t on_hand; /* then */
	/* The newest movement since that stated a level (set, count, edit); 0: none. */
	int64_t stated_seq;
	int64_t seen_seq; /* the row's last movement that was looked at; 0: it had none */
};

struct command {
	enum command_kind kind;
	int row_count;
	struct row_ref *rows;
	int64_t quantity;    /* within ±QUANTITY_MAX */
	int64_t *quantities; /* of a reservation, parallel to rows, each >= 1 */
	int more_row_count; /* rows that are claimed beside those: of the reservation it resolves */
	struct row_ref *more_rows;
	bool is_up_to;       /* take at most what is available */
	bool is_create_only; /* If-None-Match: * */
	struct condition condition;
	struct past_level past;

	const char *reason;        /* never NULL for kinds that make movements */
	const char *reference;     /* NULL: none */
	bool is_reason_folded;     /* it came with capitals: the answer says so */
	const char *note;          /* NULL: none */
	const char *request_id;    /* never NULL */
	const struct actor *actor; /* whose it is; never NULL once it queues */

	struct item item;
	struct location location;
	unsigned patched; /* MEMBER_* that a patch names; item.attributes is then a patch itself */
	bool creates;     /* a patch of what is not there makes it; it has a name then */

	const char *reservation_id;
	const char *owner;      /* NULL: none */
	const char *supersedes; /* the id of a reservation; NULL: none */

	const char *lease_id;
	const char *purpose; /* never NULL for leases */
	int64_t ttl_ms;

	int fence_count; /* leases the client says it holds (the Lease header) */
	int64_t fences[CLAIM_FENCES_MAX];
	const char *fence_ids[CLAIM_FENCES_MAX];

	const char *key;      /* Idempotency-Key; NULL: none */
	uint64_t fingerprint; /* with a key: of everything that makes it "the same request" */
};

/*
 * Does it have all that the row of its kind says that it names and touches, within the bounds? What
 * clients send is refused long before; whoever makes a command CHECKs it before it queues. Cheap:
 * texts are not read to their ends.
 */
bool command_is_sound(const struct command *c);
