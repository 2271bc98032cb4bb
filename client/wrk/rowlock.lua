--[[
What the wrk scripts of this folder share: options, prepared requests, counts per status.

    local here = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
    local rowlock = dofile(here .. "rowlock.lua")

    rowlock.run(function(options, paths) return { ... prepared requests ... } end, { rows = 1000 })

Requests are built once, in `init`; `request` only walks along them. Building each request when it
is sent costs wrk more than the server spends on it, and the figure would be wrk's. A second result
of the function is the length of a step: requests that follow each other, like a reservation and its
release. rowlock.UNIQUE in a request stands for a text that no other step has: an idempotency key, an
id. Steps keep their order where a thread has one connection (`wrk -t64 -c64`, threads=64).

Each thread of wrk has a Lua state of its own: `init`, `request` and `response` run in it, `setup`
and `done` in the main one, which reads the threads' globals through `thread:get`.

A token is taken from ROWLOCK_TOKEN.

At the end wrk's own figures are followed by these lines:

    answers    201 230112                                   one line per status
    sockets    connect 0 read 0 write 0 timeout 0           what went wrong below HTTP
    latency_us p50 746 p99 1103 max 4711

Where most were refused a line says what to do first.
]]

local rowlock = {}

-- Stands in a request for what is put there when it is sent.
rowlock.UNIQUE = "(unique)"

-- Beyond this many rows a thread prepares requests for that many of them, drawn at random:
-- a million rows prepared twice would not fit into LuaJIT's memory.
local PREPARED_ROWS_MAX = 100000

local DEFAULTS = {
	location = "WH1",   -- the location of every row
	sku = "BENCH-%04d", -- the sku of row 1, 2 ... `rows`
	rows = 1000,        -- how many rows
	row = 0,            -- only this row, when it is not 0
	read = "",          -- of reads: `snapshot` or `locked`; empty leaves the server's default
	reads = 90,         -- of mixed.lua: how many of 100 requests are reads
	keys = "no",        -- `yes`: an Idempotency-Key on every update, never used twice
	threads = 1,        -- of leases.lua and reservations.lua: as many as wrk's -t and -c
	to = "WH2",         -- of transfers.lua: the other location
	lines = 5,          -- of reservations.lua: rows that each of them names
	count = "status",   -- `status` counts every answer's status; `errors` only what failed, which
	                    -- spares wrk the parsing of headers: 3 to 5 % at 80,000 requests a second
}

-- The environment is nobody else's to read, unlike a command line.
local TOKEN = os.getenv("ROWLOCK_TOKEN") or ""

local function request_of(method, path, headers, body)
	headers = headers or {}
	if TOKEN ~= "" then
		headers["Authorization"] = "Bearer " .. TOKEN
	end
	return wrk.format(method, path, headers, body)
end

-- A mistake of the caller. `error` would come out as a panic of wrk's Lua.
local function demand(condition, message)
	if not condition then
		io.stderr:write("wrk script: ", message, "\n")
		os.exit(64)
	end
end

local function is_one_of(value, choices)
	for _, choice in ipairs(choices) do
		if value == choice then
			return true
		end
	end
	return false
end

local function is_whole(number, least, most)
	return number % 1 == 0 and number >= least and number <= most
end

local function check(options)
	demand(is_whole(options.rows, 1, math.huge), "rows: a whole number, at least 1")
	demand(is_whole(options.row, 0, options.rows), "row: 1 to rows, or 0 for all of them")
	demand(is_whole(options.reads, 0, 100), "reads: 0 to 100, a share in percent")
	demand(is_one_of(options.read, { "", "snapshot", "locked" }), "read: snapshot or locked")
	demand(is_one_of(options.count, { "status", "errors" }), "count: status or errors")
	demand(is_one_of(options.keys, { "no", "yes" }), "keys: no or yes")
	demand(is_whole(options.threads, 1, options.rows), "threads: 1 to rows")
	demand(is_whole(options.lines, 1, 64), "lines: 1 to 64")
	return options
end

-- `name=value` words, as given after `--`, over the script's own defaults, over those above.
local function options_of(words, script_defaults)
	local options = {}

	for name, value in pairs(DEFAULTS) do
		options[name] = script_defaults[name] or value
	end
	for i = 1, #words do
		local name, value = words[i]:match("^(%w+)=(.*)$")
		local known = name and DEFAULTS[name]

		demand(known ~= nil, "unknown option: " .. words[i])
		if type(known) == "number" then
			value = tonumber(value)
			demand(value ~= nil, "a number is wanted: " .. words[i])
		end
		options[name] = value
	end
	return check(options)
end

-- Fisher and Yates. Rows in random order, so that neighbours in time are not neighbours on disk.
local function shuffle(list)
	for i = #list, 2, -1 do
		local j = math.random(i)

		list[i], list[j] = list[j], list[i]
	end
	return list
end

local function row_numbers(options)
	local numbers = {}

	if options.row > 0 then
		return { options.row }
	end
	for i = 1, math.min(options.rows, PREPARED_ROWS_MAX) do
		numbers[i] = options.rows <= PREPARED_ROWS_MAX and i or math.random(options.rows)
	end
	return shuffle(numbers)
end

local function path_of(options, number)
	return "/v1/stock/" .. options.sku:format(number) .. "/" .. options.location
end

-- One point read of each path.
function rowlock.reads(options, paths)
	local query = options.read ~= "" and "?read=" .. options.read or ""
	local requests = {}

	for i, path in ipairs(paths) do
		requests[i] = request_of("GET", path .. query)
	end
	return requests
end

-- Two single-row updates of each path: all rows up by one, then all rows down by one. The units
-- come back, so a run of any length neither sells out nor fills up.
function rowlock.updates(options, paths)
	local headers = { ["Content-Type"] = "application/json" }
	local requests = {}

	if options.keys == "yes" then
		headers["Idempotency-Key"] = rowlock.UNIQUE
	end

	for _, delta in ipairs({ "1", "-1" }) do
		for _, path in ipairs(paths) do
			requests[#requests + 1] =
				request_of("POST", path .. "/adjust", headers, '{"delta":' .. delta .. "}")
		end
	end
	return requests
end

local function body_of(method, path, body)
	return request_of(method, path, { ["Content-Type"] = "application/json" }, body)
end

local function row_of(options, number, more)
	return ('{"sku":"%s","location":"%s"%s}'):format(options.sku:format(number), options.location,
		more or "")
end

-- One unit of each row there, then one unit of each row back.
function rowlock.transfers(options, _, numbers)
	local requests = {}

	for _, way in ipairs({ { options.location, options.to }, { options.to, options.location } }) do
		for _, number in ipairs(numbers) do
			requests[#requests + 1] = body_of("POST", "/v1/transfers",
				('{"sku":"%s","from":"%s","to":"%s","quantity":1}'):format(
					options.sku:format(number), way[1], way[2]))
		end
	end
	return requests
end

-- Each begins at another row and names the next ones of the shuffled list; then its release.
function rowlock.reservations(options, _, numbers)
	local path = "/v1/reservations/" .. rowlock.UNIQUE
	local requests = {}

	demand(options.lines <= #numbers, "lines: no more than there are rows")
	for i = 1, #numbers do
		local lines = {}

		for k = 1, options.lines do
			lines[k] = row_of(options, numbers[(i + k - 2) % #numbers + 1], ',"quantity":1')
		end
		requests[#requests + 1] = body_of("PUT", path,
			'{"ttl_s":600,"lines":[' .. table.concat(lines, ",") .. "]}")
		requests[#requests + 1] = body_of("POST", path .. "/release", "{}")
	end
	return requests, 2
end

-- Ids that stay the same: what a run has left behind is taken over by the next one.
function rowlock.leases(options, _, numbers)
	local requests = {}

	for _, number in ipairs(numbers) do
		if number % options.threads == thread_number % options.threads then
			local path = "/v1/leases/wrk-" .. number

			requests[#requests + 1] = body_of("PUT", path,
				'{"ttl_s":600,"rows":[' .. row_of(options, number) .. "]}")
			requests[#requests + 1] = request_of("DELETE", path)
		end
	end
	return requests, 2
end

function rowlock.lists(options)
	return { request_of("GET", "/v1/stock?limit=1000&location=" .. options.location) }
end

-- `reads` of every 100 requests are reads, spread evenly (Bresenham), both kinds walking on.
function rowlock.mixed(options, paths)
	local reads, updates = rowlock.reads(options, paths), rowlock.updates(options, paths)
	local requests, read_count, update_count = {}, 0, 0
	local length = math.max(100, #updates)

	-- Whole hundreds and an even number of updates: a lap of the list leaves every level as it was.
	length = math.ceil(length / 200) * 200
	for i = 1, length do
		if math.floor(i * options.reads / 100) > math.floor((i - 1) * options.reads / 100) then
			requests[i] = reads[read_count % #reads + 1]
			read_count = read_count + 1
		else
			requests[i] = updates[update_count % #updates + 1]
			update_count = update_count + 1
		end
	end
	return requests
end

-- What every UNIQUE of this thread and run begins with.
local function unique_prefix()
	local random = io.open("/dev/urandom", "rb")
	local bytes = random:read(8)

	random:close()
	return (bytes:gsub(".", function(byte)
		return ("%02x"):format(byte:byte())
	end)) .. "-"
end

-- Returns the function that wrk asks for the next request. Where there is nothing unique, a walk
-- along the list; else the parts before and after are put together, 0.3 us.
local function walk_of(requests, step)
	local index = step * math.random(0, math.floor(#requests / step) - 1)
	local prefix, sent = unique_prefix(), 1000000 * step
	local heads, tails = {}, {}

	-- wrk looks at one request of the first thread, and does not send it: the end of no step.
	if thread_number == 1 then
		index, sent = (index - 1) % #requests, sent - 1
	end
	for i, request in ipairs(requests) do
		local first, last = request:find(rowlock.UNIQUE, 1, true)

		if first then
			heads[i], tails[i] = request:sub(1, first - 1) .. prefix, request:sub(last + 1)
		end
	end
	if next(heads) == nil then
		return function()
			index = index % #requests + 1
			return requests[index]
		end
	end
	return function()
		index = index % #requests + 1
		sent = sent + 1
		if not heads[index] then
			return requests[index]
		end
		return heads[index] .. math.floor((sent - 1) / step) .. tails[index]
	end
end

local threads = {}

local function total_by_status()
	local total, codes = {}, {}

	for _, thread in ipairs(threads) do
		for code, count in pairs(thread:get("statuses")) do
			total[code] = (total[code] or 0) + count
		end
	end
	for code, count in pairs(total) do
		if count > 0 then
			codes[#codes + 1] = code
		end
	end
	table.sort(codes)
	return total, codes
end

local function print_statuses(summary)
	local total, codes = total_by_status()

	if #codes == 0 then
		local failed = summary.errors.status

		print(("answers    2xx 3xx %d"):format(summary.requests - failed))
		print(("answers    4xx 5xx %d"):format(failed))
	end
	for _, code in ipairs(codes) do
		print(("answers    %d %d"):format(code, total[code]))
	end
end

local HINTS = {
	[401] = "put a good token into ROWLOCK_TOKEN",
	[403] = "the token in ROWLOCK_TOKEN may not do this: give it the role clerk, or the location",
	[421] = "the server wants another host name: use that of its --host-name in the URL",
}

-- A rate of refusals is no rate. What most of them say, and else: the rows are not there.
local function print_hint(summary)
	local errors = summary.errors
	local hint = "client/wrk/prepare URL makes the rows first"
	local total = total_by_status()

	if errors.status > 0 and errors.status * 2 > summary.requests then
		for code, text in pairs(HINTS) do
			if (total[code] or 0) * 2 > summary.requests then
				hint = text
			end
		end
		print("hint       most were refused: " .. hint)
	end
end

local function report(summary, latency)
	local errors = summary.errors

	print_statuses(summary)
	print_hint(summary)
	print(("sockets    connect %d read %d write %d timeout %d"):format(
		errors.connect, errors.read, errors.write, errors.timeout))
	print(("latency_us p50 %d p99 %d max %d"):format(
		latency:percentile(50), latency:percentile(99), latency.max))
end

-- Installs wrk's callbacks. `prepare(options, paths, numbers)` returns the requests of
-- one thread, and the length of a step.
function rowlock.run(prepare, script_defaults)
	local thread_count = 0

	function setup(thread)
		thread_count = thread_count + 1
		thread:set("thread_number", thread_count)
		threads[thread_count] = thread
	end

	function init(words)
		local options = options_of(words, script_defaults)
		local numbers, paths = {}, {}

		math.randomseed(thread_number)
		numbers = row_numbers(options)
		for i, number in ipairs(numbers) do
			paths[i] = path_of(options, number)
		end

		local requests, step = prepare(options, paths, numbers)


		request = walk_of(requests, step or 1)
		statuses = {}
		if options.count == "status" then
			function response(status)
				statuses[status] = (statuses[status] or 0) + 1
			end
		end
	end

	-- Replaced by `init`. That there is one at all tells wrk to ask for each request.
	function request() end

	function done(summary, latency)
		report(summary, latency)
	end
end

return rowlock
