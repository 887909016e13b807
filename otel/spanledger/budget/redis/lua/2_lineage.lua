-- What is asked, and whether the asker's memory and this server's go together.
--
-- A server that came back from an old snapshot, a replica that was promoted or an emptied database has lost what it
-- acknowledged. It cannot know, but its clients do: each of them says which lineage and which change it saw last.
-- A new lineage begins with the first request that reaches another server process than the last one did, and when
-- somebody saw a change that is not there. Whoever knew an older lineage is turned away until it has told, by `repair`,
-- what it knows of it. Of every lineage that ended, the last change that is still there is kept in `past`.
-- `RUN` is the server process at the other end of the asker's connection, empty where a server does not tell.

local STATE, COUNTERS, HOLDS, DUE = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local LAPSED, ENDED, AUDIT, NOTES, NOTED = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local VERSION, REMEMBERED = '1', 100

local ask, RUN = cjson.decode(ARGV[1]), ARGV[2]
local lineage, changes, now, moment -- the last is the time as text

local function stamp(time)
  return string.format('%.6f', time)
end

local function past()
  return cjson.decode(redis.call('HGET', STATE, 'past') or '[]')
end

local function begin_lineage(ended)
  local before = past()
  table.insert(before, { ended, string.format('%.0f', changes) })
  if #before > REMEMBERED then
    table.remove(before, 1)
  end
  lineage = ask.fresh
  redis.call('HSET', STATE, 'lineage', lineage, 'run', RUN, 'past', cjson.encode(before))
end

-- The last change that survived since the asker's lineage was the living one; -1 where none is known to have.
local function survived()
  local least
  for _, entry in ipairs(past()) do
    if least or entry[1] == ask.lineage then
      least = math.min(least or math.huge, tonumber(entry[2]))
    end
  end
  return least or -1
end

local function enter()
  local found = redis.call('HMGET', STATE, 'version', 'lineage', 'changes', 'run')
  changes = tonumber(found[3] or '0')
  lineage = found[2]
  if not found[1] then
    lineage = ask.fresh
    redis.call('HSET', STATE, 'version', VERSION, 'lineage', lineage, 'run', RUN)
  elseif found[1] ~= VERSION then
    return { 'version', found[1] }
  elseif (RUN ~= '' and found[4] ~= RUN) or (ask.lineage == lineage and ask.changes > changes) then
    begin_lineage(lineage)
  end
  if ask.op ~= 'repair' and ask.lineage ~= '' and ask.lineage ~= lineage then
    return { 'changed' }
  end
  local time = redis.call('TIME')
  now = ask.now or (tonumber(time[1]) + tonumber(time[2]) / 1e6)
  moment = stamp(now)
end
