-- reads - point reads spread over many rows.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/reads.lua http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/reads.lua http://127.0.0.1:8080 -- row=1 read=locked
--
-- A read takes no row lock and never waits, unless `read=locked` puts it in the writers' queue.
-- Options and their defaults: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.reads, {})
