#include "client/api_private.h"
#include "client/memory.h"
#include "core/token_text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A page of 1000 rows is below 1 MiB; whoever answers more than this is not our server. */
enum {
	ANSWER_BYTES_MAX = 64 * 1024 * 1024,
	CONNECT_TIMEOUT_S = 5,
	KEEPALIVE_S = 20,
	UPLOAD_BUFFER_BYTES = 512 * 1024,
};

static const char *const header_names[] = {
	[RESPONSE_CONTENT_TYPE] = "Content-Type",     [RESPONSE_EPOCH] = "Stock-Epoch",
	[RESPONSE_REPLAYED] = "Idempotency-Replayed", [RESPONSE_REQUEST_ID] = "X-Request-Id",
	[RESPONSE_SERVER_TIMING] = "Server-Timing",   [RESPONSE_STOCK_SEQ] = "Stock-Seq",
};
_Static_assert(LENGTH_OF(header_names) == RESPONSE_HEADER_COUNT, "every header has its name");

static void slist_free(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void url_free(CURLU **url)
{
	curl_url_cleanup(*url);
}

/* Called by libcurl with each piece of the body; anything but `bytes` ends the transfer. */
size_t api_collect(char *piece, size_t size, size_t bytes, void *into)
{
	struct text *body = into;

	CHECK(size == 1);
	if (body->byte_count + bytes > ANSWER_BYTES_MAX)
		return CURL_WRITEFUNC_ERROR;
	text_add_bytes(body, piece, bytes);
	return body->failed ? CURL_WRITEFUNC_ERROR : bytes;
}

/* "127.0.0.1:8080/" -> "http://127.0.0.1:8080"; NULL when it is no http URL. */
static char *url_normalise(const char *url)
{
	CLEANUP(url_free) CURLU *parsed = memory_or_exit(curl_url());
	char *whole = NULL;
	char *scheme = NULL;

	if (curl_url_set(parsed, CURLUPART_URL, url, CURLU_GUESS_SCHEME) != CURLUE_OK)
		return NULL;
	if (curl_url_set(parsed, CURLUPART_QUERY, NULL, 0) != CURLUE_OK ||
	    curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return NULL;
	bool is_http = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
	curl_free(scheme);
	if (!is_http || curl_url_get(parsed, CURLUPART_URL, &whole, 0) != CURLUE_OK)
		return NULL;

	char *copy = memory_or_exit(strdup(whole));
	curl_free(whole);
	for (size_t bytes = strlen(copy); bytes > 0 && copy[bytes - 1] == '/'; bytes--)
		copy[bytes - 1] = '\0';
	return copy;
}

static void headers_add(struct curl_slist **list, const char *header)
{
	*list = memory_or_exit(curl_slist_append(*list, header));
}

/* "Expect:" turns off libcurl's own "Expect: 100-continue", which costs a round trip. */
struct curl_slist *api_headers(const struct api_request *r, const char *accept)
{
	struct curl_slist *list = NULL;
	struct text header;

	text_init(&header);
	text_add(&header, "Accept: ");
	text_add(&header, accept == NULL ? "application/json, */*;q=0.5" : accept);
	headers_add(&list, "Expect:");
	headers_add(&list, memory_or_exit(header.data));
	text_fini(&header);
	if (r->body != NULL)
		headers_add(&list, "Content-Type: application/json");
	for (int i = 0; i < r->header_count; i++)
		headers_add(&list, memory_or_exit(r->headers[i].data));
	return list;
}

static void response_read_headers(struct response *a, CURL *curl)
{
	for (int i = 0; i < RESPONSE_HEADER_COUNT; i++) {
		struct curl_header *header;

		if (curl_easy_header(curl, header_names[i], 0, CURLH_HEADER, -1, &header) ==
		    CURLHE_OK)
			a->headers[i] = memory_or_exit(strdup(header->value));
	}
}

static void response_read_json(struct response *a)
{
	if (strstr(response_header(a, RESPONSE_CONTENT_TYPE), "json") != NULL &&
	    a->body.data != NULL)
		a->json = json_loadb(a->body.data, a->body.byte_count, 0, NULL);
}

void api_read_response(const struct api *api, CURL *curl, struct response *a)
{
	a->is_anonymous = !api->has_token;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a->status);
	response_read_headers(a, curl);
	response_read_json(a);
}

/* Of a unix socket libcurl would speak of a host and a port, which nobody has named. */
const char *api_reason(const struct api *api, CURL *curl, CURLcode code, const char *reason)
{
	long error = 0;

	if (api->is_unix && code == CURLE_COULDNT_CONNECT) {
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
		return error != 0 ? strerror((int)error) : "nobody listens there";
	}
	return reason[0] != '\0' ? reason : curl_easy_strerror(code);
}

/* Says why no answer came, and for a write what that means. */
static enum exit_code complain(const struct api *api, const struct api_request *r, CURLcode code,
			       const char *reason)
{
	long sent_bytes = 0;

	exit_failed("no answer from %s: %s", api->url, api_reason(api, api->curl, code, reason));
	curl_easy_getinfo(api->curl, CURLINFO_REQUEST_SIZE, &sent_bytes);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		fputs("  --ca FILE names the certificates that vouch for it.\n", stderr);
	if (strcmp(r->method, "GET") != 0 && sent_bytes > 0)
		fprintf(stderr,
			"  The request had been sent: whether it took effect is not known.\n"
			"  %s\n",
			api_request_has_header(r, "Idempotency-Key")
				? "Sent again with the same --key it takes effect once; rowlock "
				  "history shows what did."
				: "Look before you send it again: rowlock history shows what took "
				  "effect.");
	return EXIT_UNREACHABLE;
}

static const char unix_scheme[] = "unix:";

static bool host_is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;
	char inside[INET6_ADDRSTRLEN];

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
	snprintf(inside, sizeof(inside), "%.*s", (int)strcspn(host + 1, "]"), host + 1);
	if (host[0] != '[' || inet_pton(AF_INET6, inside, &six) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&six) ||
	       (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == IN_LOOPBACKNET);
}

/* Of a URL that is one. libcurl has written 127.1 as 127.0.0.1 by now. */
static bool url_is_loopback(const char *url)
{
	CLEANUP(url_free) CURLU *parsed = memory_or_exit(curl_url());
	char *host = NULL;
	bool is_loopback;

	if (curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return false;
	is_loopback = host_is_loopback(host);
	curl_free(host);
	return is_loopback;
}

/* Of a unix socket only the path matters: the host is one that every server answers for. */
static bool api_take_url(struct api *api, const char *url)
{
	api->is_unix = strncmp(url, unix_scheme, sizeof(unix_scheme) - 1) == 0;
	if (!api->is_unix) {
		api->url = url_normalise(url);
		api->base = api->url;
		api->is_local = api->url != NULL && url_is_loopback(api->url);
		/* A proxy of http_proxy's is another machine, and its loopback another one. */
		if (api->is_local)
			SET(api->curl, CURLOPT_NOPROXY, "*");
		return api->url != NULL;
	}

	const char *path = url + sizeof(unix_scheme) - 1;

	if (path[0] == '\0' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return false;
	api->url = memory_or_exit(strdup(url));
	api->base = "http://localhost";
	api->is_local = true;
	SET(api->curl, CURLOPT_UNIX_SOCKET_PATH, path);
	return true;
}

/* libcurl keeps it to the host that was named, and forgets it nowhere: no redirect is followed. */
static void api_take_token(struct api *api, const char *token)
{
	api->has_token = token[0] != '\0';
	if (!api->has_token)
		return;
	SET(api->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
	SET(api->curl, CURLOPT_XOAUTH2_BEARER, token);
}

/* Before anything is sent: a token that went once in the open is everybody's. */
static enum exit_code api_judge_secrecy(const struct api *api, const struct api_options *o)
{
	if (o->token[0] == '\0' || api->is_local || o->is_plain_allowed ||
	    strncmp(api->url, "https:", 6) == 0)
		return EXIT_DONE;
	return exit_usage("the token would go to %s unencrypted, and whoever is on the way could "
			  "use it: name an https:// server, or say --plain-http",
			  api->url);
}

/* libcurl would say what is wrong with the file only later, and in words of its own. */
static enum exit_code api_take_certificates(struct api *api, const char *file)
{
	if (file == NULL)
		return EXIT_DONE;
	if (access(file, R_OK) != 0)
		return exit_failed("cannot read the certificates in %s: %s", file, strerror(errno));
	SET(api->curl, CURLOPT_CAINFO, file);
	SET(api->curl, CURLOPT_CAPATH, NULL); /* the system's others vouch for nobody then */
	return EXIT_DONE;
}

static enum exit_code api_take(struct api *api, const struct api_options *o)
{
	enum exit_code code;

	if (!api_take_url(api, o->url))
		return exit_usage("the server is no %s: '%s'",
				  api->is_unix ? "unix:PATH" : "http URL", o->url);
	api->shown = memory_or_exit(strdup(api->url));
	token_text_cover(api->shown, strlen(api->shown));
	code = api_judge_secrecy(api, o);
	if (code == EXIT_DONE)
		code = api_take_certificates(api, o->ca);
	if (code == EXIT_DONE)
		api_take_token(api, o->token);
	return code;
}

enum exit_code api_open(const struct api_options *options, struct api **ret_api)
{
	struct api *api = memory_or_exit(calloc(1, sizeof(*api)));
	enum exit_code code;

	api->curl = memory_or_exit(curl_easy_init());
	code = api_take(api, options);
	if (code != EXIT_DONE) {
		api_close(api);
		return code;
	}
	SET(api->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(api->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(api->curl, CURLOPT_USERAGENT, "rowlock/" ROWLOCK_VERSION);
	SET(api->curl, CURLOPT_PATH_AS_IS, 1L); /* a sku ".." is the server's to refuse */
	SET(api->curl, CURLOPT_NOSIGNAL, 1L);
	SET(api->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	SET(api->curl, CURLOPT_TIMEOUT, options->timeout_s);
	SET(api->curl, CURLOPT_WRITEFUNCTION, api_collect);
	*ret_api = api;
	return EXIT_DONE;
}

void api_close(struct api *api)
{
	if (api == NULL)
		return;
	curl_easy_cleanup(api->curl);
	free(api->url);
	free(api->shown);
	free(api);
}

const char *api_url(const struct api *api)
{
	return api->shown;
}

/* ---------------------------------------------------------------- long bodies */

struct transfer_state {
	const struct transfer *transfer;
	CURL *curl;
	struct response *response;
};

static size_t upload_read(char *buffer, size_t size, size_t count, void *state)
{
	struct transfer_state *s = state;
	size_t bytes = fread(buffer, 1, size * count, s->transfer->upload);

	return ferror(s->transfer->upload) ? CURL_READFUNC_ABORT : bytes;
}

static size_t transfer_receive(char *piece, size_t size, size_t bytes, void *state)
{
	struct transfer_state *s = state;
	long status = 0;

	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 400)
		return api_collect(piece, size, bytes, &s->response->body);
	return s->transfer->receive(s->transfer->context, piece, bytes) ? bytes
									: CURL_WRITEFUNC_ERROR;
}

static int transfer_progress(void *state, curl_off_t total, curl_off_t received,
			     curl_off_t upload_total, curl_off_t sent)
{
	const struct transfer *t = ((struct transfer_state *)state)->transfer;

	(void)upload_total;
	t->progress(t->context, sent, received, total);
	return 0;
}

static void transfer_set(CURL *curl, struct transfer_state *s)
{
	const struct transfer *t = s->transfer;

	SET(curl, CURLOPT_WRITEFUNCTION, transfer_receive);
	SET(curl, CURLOPT_WRITEDATA, s);
	SET(curl, CURLOPT_TIMEOUT, 0L);
	SET(curl, CURLOPT_TCP_KEEPALIVE, 1L); /* a server that is gone is noticed all the same */
	SET(curl, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	SET(curl, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
	if (t->upload != NULL) {
		SET(curl, CURLOPT_POST, 1L);
		SET(curl, CURLOPT_POSTFIELDS, NULL);
		SET(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->upload_bytes);
		SET(curl, CURLOPT_READFUNCTION, upload_read);
		SET(curl, CURLOPT_READDATA, s);
		SET(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_BYTES);
	}
	if (t->progress != NULL) {
		SET(curl, CURLOPT_NOPROGRESS, 0L);
		SET(curl, CURLOPT_XFERINFOFUNCTION, transfer_progress);
		SET(curl, CURLOPT_XFERINFODATA, s);
	}
}

static void transfer_headers(struct curl_slist **list, const struct transfer *t)
{
	struct text header;

	text_init(&header);
	if (t->upload != NULL) {
		text_add_format(&header, "Content-Type: %s", t->content_type);
		headers_add(list, memory_or_exit(header.data));
		text_fini(&header);
	}
	if (t->accept != NULL) {
		text_add_format(&header, "Accept: %s", t->accept);
		headers_add(list, memory_or_exit(header.data));
	}
	text_fini(&header);
}

enum exit_code api_transfer(struct api *api, const struct api_request *r, const struct transfer *t,
			    struct response *ret_response)
{
	CLEANUP(slist_free) struct curl_slist *headers = NULL;
	char reason[CURL_ERROR_SIZE] = "";
	struct response a = { 0 };
	struct transfer_state state = { .transfer = t, .response = &a };
	CURL *curl = memory_or_exit(curl_easy_duphandle(api->curl));
	struct text url;

	state.curl = curl;
	text_init(&a.body);
	text_init(&url);
	text_add(&url, api->base);
	text_add(&url, memory_or_exit(r->path.data));
	headers_add(&headers, "Expect:");
	for (int i = 0; i < r->header_count; i++)
		headers_add(&headers, memory_or_exit(r->headers[i].data));
	transfer_headers(&headers, t);

	SET(curl, CURLOPT_URL, memory_or_exit(url.data));
	SET(curl, CURLOPT_HTTPHEADER, headers);
	SET(curl, CURLOPT_ERRORBUFFER, reason);
	transfer_set(curl, &state);
	SET(curl, CURLOPT_CUSTOMREQUEST, r->method);
	CURLcode code = curl_easy_perform(curl);

	api_read_response(api, curl, &a);
	if (code != CURLE_OK)
		exit_failed("the connection to %s broke: %s", api->url,
			    api_reason(api, curl, code, reason));
	curl_easy_cleanup(curl);
	text_fini(&url);
	if (code == CURLE_OK) {
		*ret_response = a;
		return EXIT_DONE;
	}
	response_fini(&a);
	return EXIT_UNREACHABLE;
}

/* ---------------------------------------------------------------- short ones */

void api_set_request(const struct api *api, CURL *curl, const struct api_request *r,
		     struct curl_slist *headers)
{
	char *body = r->body == NULL ? NULL : json_line(r->body);
	struct text url;

	text_init(&url);
	text_add(&url, api->base);
	text_add(&url, memory_or_exit(r->path.data));
	SET(curl, CURLOPT_URL, memory_or_exit(url.data));
	SET(curl, CURLOPT_HTTPGET, 1L); /* forgets the body of the request before */
	if (body != NULL) {
		/* Without its size, a copy of this handle (api_calls.c) could not be made later. */
		SET(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		SET(curl, CURLOPT_COPYPOSTFIELDS, body);
	}
	SET(curl, CURLOPT_CUSTOMREQUEST, r->method);
	SET(curl, CURLOPT_HTTPHEADER, headers);
	text_fini(&url);
	free(body);
}

enum exit_code api_send(struct api *api, const struct api_request *r, struct response *ret_response)
{
	CLEANUP(slist_free) struct curl_slist *headers = api_headers(r, NULL);
	char reason[CURL_ERROR_SIZE] = "";
	struct response a = { 0 };

	text_init(&a.body);
	api_set_request(api, api->curl, r, headers);
	SET(api->curl, CURLOPT_WRITEDATA, &a.body);
	SET(api->curl, CURLOPT_ERRORBUFFER, reason);
	CURLcode code = curl_easy_perform(api->curl);
	SET(api->curl, CURLOPT_ERRORBUFFER, NULL);

	if (code != CURLE_OK) {
		response_fini(&a);
		return complain(api, r, code, reason);
	}
	api_read_response(api, api->curl, &a);
	*ret_response = a;
	return EXIT_DONE;
}

void response_fini(struct response *a)
{
	text_fini(&a->body);
	json_decref(a->json);
	for (int i = 0; i < RESPONSE_HEADER_COUNT; i++)
		free(a->headers[i]);
	*a = (struct response){ 0 };
}

const char *response_header(const struct response *a, enum response_header h)
{
	return a->headers[h] == NULL ? "" : a->headers[h];
}
