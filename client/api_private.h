/*
 * api_private - what api.c and api_calls.c share: libcurl's handle, and how a request becomes one.
 */
#pragma once
#include "base/check.h"
#include "client/api.h"
#include <curl/curl.h>

struct api {
	CURL *curl;       /* a handle that is set up, and which others are copied from */
	char *url;        /* as people write it */
	char *shown;      /* so, without secrets of tokens that stand in it */
	const char *base; /* what paths are put behind: the same, or of a unix socket's name */
	bool is_unix;     /* url is unix:PATH */
	bool is_local;    /* what goes there does not leave this machine */
	bool has_token;
};

/* libcurl refuses an option only when memory is short or when this source is wrong. */
#define SET(curl, option, value)                                                 \
	do {                                                                     \
		CURLcode set_code = curl_easy_setopt((curl), (option), (value)); \
		CHECK(set_code == CURLE_OK);                                     \
	} while (0)

/* The URL, method and body of the request. The headers are the caller's, and must stay. */
void api_set_request(const struct api *api, CURL *curl, const struct api_request *r,
		     struct curl_slist *headers);

/* accept: NULL for JSON. */
struct curl_slist *api_headers(const struct api_request *r, const char *accept);

/* A CURLOPT_WRITEFUNCTION that collects the body in a struct text, up to a bound. */
size_t api_collect(char *piece, size_t size, size_t bytes, void *into);

/* Status, headers and JSON, once the body is there. */
void api_read_response(const struct api *api, CURL *curl, struct response *a);

/* Why there is no answer, in one sentence. `reason` is what libcurl has said, or "". */
const char *api_reason(const struct api *api, CURL *curl, CURLcode code, const char *reason);
