/* test_output - plays microhttpd that sends a head, to a client that takes it in pieces. */
#include "edge/connection.h"
#include "edge/output.h"
#include "exchange/request.h"
#include "unit.h"
#include <errno.h>
#include <sys/socket.h>

#define HEAD_OF(status) "HTTP/1.1 " status "\r\nDate: Tue, 24 Nov 2026 03:15:00 GMT\r\n"
#define NO_LENGTH       "\r\n"
#define LENGTH_0        "Content-Length: 0\r\n\r\n"

static const int flags_wanted = MSG_NOSIGNAL;

static struct stage {
	struct connection connection;
	struct request request;
	char reply[OUTPUT_BYTES_MAX + 1];
	char got[OUTPUT_BYTES_MAX + 512];
	size_t got_bytes;
	size_t room; /* of the client, for each call; 0: none, and `error` */
	int error;
	int call_count;
} stage;

/* In the place of libc's: a client that takes so much at a time. */
ssize_t sendto(int fd, const void *bytes, size_t byte_count, int flags,
	       const struct sockaddr *address, socklen_t address_bytes)
{
	size_t taken = byte_count < stage.room ? byte_count : stage.room;

	(void)address_bytes;
	assert_int_equal(fd, 7);
	assert_int_equal(flags, flags_wanted);
	assert_null(address);
	stage.call_count++;
	if (taken == 0) {
		errno = stage.error;
		return -1;
	}
	assert_true(stage.got_bytes + taken < sizeof(stage.got));
	memcpy(stage.got + stage.got_bytes, bytes, taken);
	stage.got_bytes += taken;
	return (ssize_t)taken;
}

/* A request whose answer is this; what is put in behind it is the case's. */
static struct exchange *answer_with(int status, const char *body)
{
	struct exchange *x = &stage.request.x;

	memset(&stage, 0, sizeof(stage));
	stage.room = sizeof(stage.got);
	stage.connection.socket.fd = 7;
	stage.connection.request = &stage.request;
	snprintf(x->request_id, sizeof(x->request_id), "r-1");
	x->method = HTTP_GET;
	x->status = status;
	snprintf(stage.reply, sizeof(stage.reply), "%s", body);
	x->reply.data = stage.reply;
	x->reply.byte_count = strlen(body);
	return x;
}

static void add_header(struct exchange *x, const char *name, const char *value)
{
	x->reply_headers[x->reply_header_count++] =
		(struct exchange_reply_header){ .name = name, .value = value };
}

static ssize_t send_head(const char *head)
{
	return output_write(&stage.connection.socket, head, strlen(head), flags_wanted);
}

/* ---------------------------------------------------------------- what goes out */

/* clang-format off */
static const struct row {
	const char *what;
	int status;
	const char *type; /* NULL: the usual one */
	const char *header;
	const char *body;
	const char *head;
	const char *wanted;
} rows[] = {
	{ "a body", 200, NULL, NULL, "{\"a\":1}\n", HEAD_OF("200 OK") LENGTH_0,
	  HEAD_OF("200 OK") "X-Request-Id: r-1\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n" },
	{ "a header and a type", 201, "text/plain", "\"7\"", "yes", HEAD_OF("201 Created") LENGTH_0,
	  HEAD_OF("201 Created") "X-Request-Id: r-1\r\nContent-Type: text/plain\r\nETag: \"7\"\r\nContent-Length: 3\r\n\r\nyes" },
	{ "no body", 200, NULL, NULL, "", HEAD_OF("200 OK") LENGTH_0,
	  HEAD_OF("200 OK") "X-Request-Id: r-1\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n" },
	{ "204 has no type and no length", 204, NULL, NULL, "", HEAD_OF("204 No Content") NO_LENGTH,
	  HEAD_OF("204 No Content") "X-Request-Id: r-1\r\n\r\n" },
	{ "304 has an ETag", 304, NULL, "\"7\"", "", HEAD_OF("304 Not Modified") NO_LENGTH,
	  HEAD_OF("304 Not Modified") "X-Request-Id: r-1\r\nETag: \"7\"\r\n\r\n" },
	{ "another length of the library's is no place for ours", 200, NULL, NULL, "", HEAD_OF("200 OK") "Content-Length: 10\r\n\r\n",
	  HEAD_OF("200 OK") "Content-Length: 10\r\nX-Request-Id: r-1\r\nContent-Type: application/json\r\n\r\n" },
	{ "a head that is shorter than that", 204, NULL, NULL, "", "HTTP/1.1 204\r\n\r\n",
	  "HTTP/1.1 204\r\nX-Request-Id: r-1\r\n\r\n" },
};
/* clang-format on */

static void begin(const struct row *r)
{
	struct exchange *x = answer_with(r->status, r->body);

	x->content_type = r->type;
	if (r->header != NULL)
		add_header(x, "ETag", r->header);
	output_expect(&stage.connection);
}

static void expect_all(const struct row *r, size_t room)
{
	stage.got[stage.got_bytes] = '\0';
	if (strcmp(stage.got, r->wanted) != 0)
		fail_msg("%s, %zu at a time: %s", r->what, room, stage.got);
	assert_false(stage.connection.has_answer);
}

static void headers_and_body_are_put_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		begin(&rows[i]);
		assert_int_equal(send_head(rows[i].head), strlen(rows[i].head));
		assert_int_equal(stage.call_count, 1);
		expect_all(&rows[i], stage.room);
	}
}

/*
 * Whatever a client takes at a time: microhttpd is told that there is no room for any of it until
 * all of it is gone, and brings the head again.
 */
static void in_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH_OF(rows); i++) {
		size_t whole = strlen(rows[i].wanted);

		for (size_t room = 1; room <= whole; room++) {
			int calls = (int)((whole + room - 1) / room);

			begin(&rows[i]);
			stage.room = room;
			for (int call = 1; call < calls; call++) {
				errno = 0;
				assert_int_equal(send_head(rows[i].head), -1);
				assert_int_equal(errno, EAGAIN);
				assert_true(stage.connection.has_answer);
			}
			assert_int_equal(send_head(rows[i].head), strlen(rows[i].head));
			assert_int_equal(stage.call_count, calls);
			expect_all(&rows[i], room);
		}
	}
}

/* The n-th call fails, for every n; what was not taken then goes out when it is asked again. */
static void a_failed_send_takes_nothing(void **state)
{
	static const int errors[] = { EAGAIN, EINTR, EPIPE, ECONNRESET };
	const struct row *r = &rows[1];
	size_t room = 40, calls = (strlen(r->wanted) + room - 1) / room;

	(void)state;
	for (size_t n = 0; n < calls; n++) {
		for (size_t e = 0; e < LENGTH_OF(errors); e++) {
			begin(r);
			stage.error = errors[e];
			for (size_t call = 0; call < calls; call++) {
				if (call == n) {
					stage.room = 0;
					assert_int_equal(send_head(r->head), -1);
					assert_int_equal(errno, errors[e]);
				}
				stage.room = room;
				(void)send_head(r->head);
			}
			expect_all(r, room);
		}
	}
}

/* Bodies of files, 100 Continue, and what the library says itself. */
static void without_an_answer_of_ours_nothing_is_changed(void **state)
{
	(void)state;
	answer_with(200, "{}");
	assert_int_equal(send_head("HTTP/1.1 100 Continue\r\n\r\n"), 25);
	assert_int_equal(stage.got_bytes, 25);
	assert_memory_equal(stage.got, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	stage.room = 5;
	assert_int_equal(send_head("0123456789"), 5);
	stage.room = 0;
	stage.error = EPIPE;
	assert_int_equal(send_head("0123456789"), -1);
	assert_int_equal(errno, EPIPE);
}

/* One answer behind the other on a connection: each begins at its beginning. */
static void the_next_answer_begins_anew(void **state)
{
	(void)state;
	begin(&rows[0]);
	assert_int_equal(send_head(rows[0].head), strlen(rows[0].head));
	stage.got_bytes = 0;
	output_expect(&stage.connection);
	assert_int_equal(send_head(rows[0].head), strlen(rows[0].head));
	expect_all(&rows[0], stage.room);
}

/* ---------------------------------------------------------------- what may go out */

static void a_small_answer_suits(void **state)
{
	struct exchange *x = answer_with(200, "{}");
	struct spool spool = { 0 };

	(void)state;
	assert_true(output_suits(x));
	x->method = HTTP_HEAD; /* says how long a body would be */
	assert_false(output_suits(x));
	x->method = HTTP_POST;
	assert_true(output_suits(x));
	x->must_close = true;
	assert_false(output_suits(x));
	x->must_close = false;
	x->spool = &spool;
	assert_false(output_suits(x));
}

/* The longest that suits fits with the longest head; a byte more does not suit. */
static void the_longest_that_suits_fits(void **state)
{
	static const char value[] = "0123456789012345678901234567890123456789";
	char head[512];
	size_t longest = 0;
	struct exchange *x = answer_with(200, "");

	(void)state;
	for (int i = 0; i < EXCHANGE_HEADERS_MAX; i++)
		add_header(x, "X-Something", value);
	for (size_t bytes = 0; bytes <= OUTPUT_BYTES_MAX; bytes++) {
		x->reply.byte_count = bytes;
		if (output_suits(x))
			longest = bytes;
	}
	assert_true(longest > OUTPUT_BYTES_MAX / 2);
	x->reply.byte_count = longest;
	assert_true(output_suits(x));
	x->reply.byte_count = longest + 1;
	assert_false(output_suits(x));

	memset(stage.reply, 'b', longest);
	x->reply.byte_count = longest;
	memset(head, 'h', sizeof(head));
	memcpy(head + sizeof(head) - strlen(LENGTH_0), LENGTH_0, strlen(LENGTH_0));
	output_expect(&stage.connection);
	assert_int_equal(output_write(&stage.connection.socket, head, sizeof(head), flags_wanted),
			 sizeof(head));
	assert_true(stage.got_bytes <= OUTPUT_BYTES_MAX);
	assert_memory_equal(stage.got + stage.got_bytes - longest, stage.reply, longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_and_body_are_put_in),
		cmocka_unit_test(in_pieces_of_every_size),
		cmocka_unit_test(a_failed_send_takes_nothing),
		cmocka_unit_test(without_an_answer_of_ours_nothing_is_changed),
		cmocka_unit_test(the_next_answer_begins_anew),
		cmocka_unit_test(a_small_answer_suits),
		cmocka_unit_test(the_longest_that_suits_fits),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
