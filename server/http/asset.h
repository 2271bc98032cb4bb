/*
 * asset - the files of the dashboard, which are part of the binary: pages, scripts, style sheets.
 *
 *     asset_reply(x, "index.html");
 *
 * Each is there as it is and compressed, under one tag each, so that a browser is sent as little as
 * possible (304, gzip). Answers carry the rules that the browser holds the page to: scripts, styles
 * and requests only of this server, nothing inline, no markup made of text, no frame around it.
 *
 * While somebody works on the files, asset_set_folder() lets a folder go before the table: what is
 * there is sent as it is now, and is not to be kept by anybody.
 *
 * Threads: asset_set_folder() before the loops start, the rest on any loop thread.
 */
#pragma once
#include "exchange/exchange.h"

struct asset_bytes {
	const char *tag; /* with its quotes */
	const unsigned char *data;
	size_t byte_count;
};

struct asset {
	const char *name; /* "stock_view.js" */
	const char *type;
	struct asset_bytes plain;
	struct asset_bytes gzip;
};

/* Made by dashboard/pack.py, by name. */
extern const struct asset assets[];
extern const size_t asset_count;

/* "": none, which is the default. The text is kept by reference. */
void asset_set_folder(const char *folder);

/* 200, 304, or 404 where there is no such file. */
void asset_reply(struct exchange *x, const char *name);
