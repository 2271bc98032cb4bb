-- transfers - one unit of each row to another location, then one unit of each row back.
--
--     client/wrk/prepare http://127.0.0.1:8080
--     client/wrk/prepare http://127.0.0.1:8080 location=WH2
--     wrk -t1 -c64 -d10 -s client/wrk/transfers.lua http://127.0.0.1:8080
--
-- Each of them changes two rows. Options and their defaults: rowlock.lua.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local rowlock = dofile(here .. "rowlock.lua")

rowlock.run(rowlock.transfers, {})
