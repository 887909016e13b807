-- What can be asked. Each returns what its caller in Python reads, as JSON or as it comes from Redis.

local operations = {}
local SEPARATOR = '\31'

local function told(denied)
  return denied and cjson.encode(denied) or ''
end

function operations.reserve()
  expire()
  local denied
  if redis.call('HEXISTS', HOLDS, ask.hold) == 0 then
    load_claims()
    denied = refusal()
    if not denied then
      hold_more(ask.hold, new_hold(), amounts(), now + ask.ttl)
    end
  end
  return told(denied)
end

-- What came of a settlement.
local function settled(hold)
  local spent = {}
  for place, claim in ipairs(ask.claims) do
    spent[place] = text(rows[claim.counter].committed)
  end
  return cjson.encode({ first = true, late = hold.late, crossed = hold.crossed, spent = spent })
end

-- `token` is the same where the same request comes again because its answer was lost.
function operations.settle()
  load_claims()
  local hold = find(ask.hold) or new_hold()
  local first = not over(hold)
  if not first and hold.token ~= ask.token then
    return cjson.encode({ first = false, late = false })
  elseif first then
    hold.late = hold.state == 'expired'
    hold.token = ask.token
    finish(ask.hold, hold, 'settled', ask.actual)
    local due = warnings()
    if #due > 0 then
      hold.crossed = due
      write(ask.hold, hold)
    end
  end
  return settled(hold)
end

-- Books a part of a hold under an id of its own; what the hold holds, or was charged when it expired, becomes `keep`.
function operations.convert()
  load_claims()
  local part, hold = find(ask.part), find(ask.hold)
  if part and part.token ~= ask.token then
    return cjson.encode({ first = false, late = false })
  elseif not part then
    part = new_hold()
    part.token, part.late = ask.token, not hold or hold.state ~= 'open'
    finish(ask.part, part, 'settled', ask.spent)
    if hold and not over(hold) then
      keep(ask.hold, hold, ask.keep, now + ask.ttl)
    end
    local due = warnings()
    part.crossed = #due > 0 and due or nil
    write(ask.part, part)
  end
  return settled(part)
end

function operations.refuse()
  for key, number in pairs(ask.refused) do
    load({ key })
    local row = touch(key)
    row.refused = row.refused + number
  end
  return ''
end

function operations.release()
  local hold = find(ask.hold)
  if hold and hold.state == 'open' then
    finish(ask.hold, hold, 'released', nothing(hold))
  end
  return ''
end

function operations.extend()
  local hold = find(ask.hold)
  if hold and (over(hold) or hold.token == ask.token) then
    return ''
  end
  load_claims()
  local denied = refusal()
  if denied then
    return told(denied)
  end
  hold = hold or new_hold()
  hold.token = ask.token
  if hold.state == 'open' then
    hold_more(ask.hold, hold, amounts(), now + ask.ttl)
  else
    local charged = {}
    for place, claim in ipairs(ask.claims) do
      charged[place] = text(plus(int(hold.charged[place]), int(claim.amount)))
    end
    charge(hold, charged)
    write(ask.hold, hold)
  end
  return ''
end

function operations.expire()
  return tostring(expire())
end

function operations.figure()
  expire()
  load({ ask.counter })
  return rows[ask.counter].touched and packed(rows[ask.counter]) or ''
end

function operations.figures()
  expire()
  save()
  return redis.call('HGETALL', COUNTERS)
end

-- Some of all counters, and where to go on.
function operations.scan()
  return redis.call('HSCAN', COUNTERS, ask.cursor, 'COUNT', ask.number)
end

function operations.books()
  return { redis.call('HGETALL', COUNTERS), redis.call('HGETALL', HOLDS) }
end

function operations.holds()
  expire()
  local found = {}
  for _, index in ipairs({ LAPSED, DUE }) do
    for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      table.insert(found, id)
      table.insert(found, redis.call('HGET', HOLDS, id))
    end
  end
  return found
end

function operations.audit()
  return redis.call('LRANGE', AUDIT, 0, -1)
end

local function begins(text, beginnings)
  for _, one in ipairs(beginnings) do
    if string.sub(text, 1, #one) == one then
      return true
    end
  end
  return false
end

-- Of the changes before a place (-1: of all) looks at some, the latest first. Returns where it got to, 0 at the end, and
-- those of the counters that are meant, each behind its place.
function operations.history()
  local length = redis.call('LLEN', AUDIT)
  local place = ask.before < 0 and length or math.min(ask.before, length)
  local first, found, left = math.max(place - ask.look, 0), {}, ask.number
  local lines = place > 0 and redis.call('LRANGE', AUDIT, first, place - 1) or {}
  while place > first and left > 0 do
    local line = lines[place - first]
    place = place - 1
    if begins(cjson.decode(line).counter .. SEPARATOR, ask.of) then
      table.insert(found, tostring(place))
      table.insert(found, line)
      left = left - 1
    end
  end
  return { place, found }
end

-- Another limit, or the configured one again (`-`). Either ends a halt.
function operations.limit()
  load({ ask.counter })
  local row = touch(ask.counter)
  row.raised, row.halted = ask.limit, '0'
  enter_in_audit(ask.counter, ask.action, ask.amount, ask.reason, ask.who)
  return ''
end

local function correct(key, delta)
  local row = touch(key)
  row.committed = plus(row.committed, delta)
  row.base = text(plus(int(row.base), delta))
end

function operations.adjust()
  load({ ask.counter })
  local delta, least = int(ask.delta), minus(ZERO, rows[ask.counter].committed)
  if less(delta, least) then
    delta = least
  end
  correct(ask.counter, delta)
  enter_in_audit(ask.counter, 'adjust', text(delta), ask.reason, ask.who)
  return text(rows[ask.counter].committed)
end

-- Puts back what this asker knows and the server has lost: holds that are open, holds that have ended, and what was
-- committed. The last is the greater of what both say, of counters whose last known change did not survive.
function operations.repair()
  local kept = ask.lineage == lineage and changes or survived()
  local spent, retaken, repaired = {}, 0, 0
  for _, id in ipairs(ask.ended) do
    local hold = find(id)
    if hold and not over(hold) then
      finish(id, hold, 'settled', nothing(hold))
    end
  end
  for id, taken in pairs(ask.open) do
    if redis.call('HEXISTS', HOLDS, id) == 0 then
      load(taken.counters)
      local hold = { state = 'open', owner = ask.owner, counters = taken.counters, amounts = {} }
      hold_more(id, hold, taken.amounts, taken.expires)
      retaken = retaken + 1
    end
  end
  for key, known in pairs(ask.spent) do
    load({ key })
    local lost = minus(int(known[2]), rows[key].committed)
    if known[1] > kept and less(ZERO, lost) then
      correct(key, lost)
      enter_in_audit(key, 'repair', text(lost), 'the server had lost it', ask.owner)
      repaired = repaired + 1
    end
    spent[key] = text(rows[key].committed)
  end
  return cjson.encode({ repaired = repaired, retaken = retaken, spent = spent })
end

-- Forgets some holds that ended long ago: their charges stay, in the base of their counters. Then shows some counters,
-- unless older holds are left: a counter must not go before them.
function operations.tidy()
  local ids = redis.call('ZRANGEBYSCORE', ENDED, '-inf', '(' .. stamp(now - ask.kept), 'LIMIT', 0, ask.holds)
  for _, id in ipairs(ids) do
    local hold = find(id)
    load(hold.counters)
    for place, key in ipairs(hold.counters) do
      dirty[key] = true
      rows[key].base = text(plus(int(rows[key].base), int(hold.charged[place])))
    end
    redis.call('HDEL', HOLDS, id)
  end
  if #ids > 0 then
    redis.call('ZREM', ENDED, unpack(ids))
    redis.call('ZREM', LAPSED, unpack(ids))
  end
  if #ids == ask.holds then
    return { ask.cursor, {} }
  end
  save()
  return redis.call('HSCAN', COUNTERS, ask.cursor, 'COUNT', ask.counters)
end

-- Forgets counters, if they are still as they were shown.
function operations.forget()
  for key, line in pairs(ask.lines) do
    if redis.call('HGET', COUNTERS, key) == line then
      redis.call('HDEL', COUNTERS, key)
    end
  end
  return ''
end

-- Notes: what stands under a key, until its time is over. Each writing clears away a few whose time is.
local function noted(key)
  local ends = redis.call('ZSCORE', NOTED, key)
  return ends and tonumber(ends) > now
end

local function note(key, value)
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', NOTED, '-inf', stamp(now), 'LIMIT', 0, 2)) do
    redis.call('ZREM', NOTED, old)
    redis.call('HDEL', NOTES, old)
  end
  redis.call('HSET', NOTES, key, value)
  redis.call('ZADD', NOTED, stamp(now + ask.ttl), key)
end

function operations.note()
  note(ask.key, ask.value)
  return ''
end

function operations.peek()
  return noted(ask.key) and { redis.call('HGET', NOTES, ask.key) } or {}
end

function operations.take()
  local found = operations.peek()
  redis.call('HDEL', NOTES, ask.key)
  redis.call('ZREM', NOTED, ask.key)
  return found
end

function operations.first()
  local fresh = {}
  for _, key in ipairs(ask.keys) do
    if not noted(key) then
      note(key, '')
      table.insert(fresh, key)
    end
  end
  return fresh
end

local answer = enter()
if not answer then
  for _, id in ipairs(ask.undo) do
    undo(id)
  end
  local found = operations[ask.op]()
  save()
  answer = { 'ok', lineage, string.format('%.0f', changes), moment, found }
end
return answer
