-- mixed - reads and updates of the same rows, 90 reads in 100 requests unless told otherwise.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/mixed.lua http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/mixed.lua http://127.0.0.1:8080 -- reads=50 rows=100
--
-- Reads answer 200 and updates 201, so the counts at the end tell them apart.
-- Options and their defaults: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.mixed, {})
