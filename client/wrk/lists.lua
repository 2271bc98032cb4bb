-- lists - pages of the stock list, a thousand rows each.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     wrk -t1 -c4 -d10 -s client/wrk/lists.lua http://127.0.0.1:8080
--
-- Options and their defaults: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.lists, {})
