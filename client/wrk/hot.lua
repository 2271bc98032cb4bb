-- hot - single-row updates that all want the same row, half of them +1, half of them -1.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/hot.lua http://127.0.0.1:8080
--     wrk -t1 -c64 -d10 -s client/wrk/hot.lua http://127.0.0.1:8080 -- row=7
--
-- Every update stands in one queue. Run it against `rowlockd --row-release commit` and `early` to
-- see what it costs to hold a row lock until the disk is done. Options: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.updates, { row = 1 })
