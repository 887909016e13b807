-- Counters and holds, as they stand in Redis and while a request changes them.
--
-- A counter is one line of text: committed held base warned raised halted refused touched. `base` is what was
-- committed by hand or by repair, and by holds that are forgotten; base and the holds that are there add up to the
-- counter. `warned` is the highest amount a warning was given for, `raised` a limit or "-", `touched` a time.
-- A hold is JSON: state, owner, expires, counters, amounts and, once it is over, charged; amounts are text.

local AT_ONCE = 1000
local rows, dirty = {}, {}

local function parsed(line)
  if not line then
    return { committed = ZERO, held = ZERO, base = '0', warned = '-1', raised = '-', halted = '0', refused = 0 }
  end
  local committed, held, base, warned, raised, halted, refused, touched =
    string.match(line, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  return {
    committed = int(committed), held = int(held), base = base, warned = warned, raised = raised, halted = halted,
    refused = tonumber(refused), touched = touched,
  }
end

local function packed(row)
  return table.concat({
    text(row.committed), text(row.held), row.base, row.warned, row.raised, row.halted,
    string.format('%.0f', row.refused), row.touched,
  }, ' ')
end

local function load(keys)
  local missing = {}
  for _, key in ipairs(keys) do
    if rows[key] == nil then
      rows[key] = false
      table.insert(missing, key)
    end
  end
  for first = 1, #missing, AT_ONCE do
    local last = math.min(first + AT_ONCE - 1, #missing)
    local found = redis.call('HMGET', COUNTERS, unpack(missing, first, last))
    for place, line in ipairs(found) do
      rows[missing[first + place - 1]] = parsed(line)
    end
  end
end

local function touch(key)
  dirty[key] = true
  rows[key].touched = moment
  return rows[key]
end

-- Writes down what was changed. Every request ends with it.
local function save()
  if not next(dirty) then
    return
  end
  changes = redis.call('HINCRBY', STATE, 'changes', 1)
  local fields = {}
  for key in pairs(dirty) do
    table.insert(fields, key)
    table.insert(fields, packed(rows[key]))
    if #fields >= AT_ONCE then
      redis.call('HSET', COUNTERS, unpack(fields))
      fields = {}
    end
  end
  if #fields > 0 then
    redis.call('HSET', COUNTERS, unpack(fields))
  end
  dirty = {}
end

local function find(id)
  local found = redis.call('HGET', HOLDS, id)
  return found and cjson.decode(found)
end

local function over(hold)
  return hold.state == 'settled' or hold.state == 'released'
end

local function write(id, hold)
  redis.call('HSET', HOLDS, id, cjson.encode(hold))
end

local function hold_more(id, hold, amounts, expires)
  for place, key in ipairs(hold.counters) do
    local row, amount = touch(key), int(amounts[place])
    row.held = plus(row.held, amount)
    hold.amounts[place] = text(plus(int(hold.amounts[place] or '0'), amount))
  end
  hold.expires = stamp(expires)
  redis.call('ZADD', DUE, hold.expires, id)
  write(id, hold)
end

-- Charges, in place of what is held or was charged before.
local function charge(hold, charged)
  for place, key in ipairs(hold.counters) do
    local row = touch(key)
    if hold.charged then
      row.committed = minus(row.committed, int(hold.charged[place]))
    else
      row.held = minus(row.held, int(hold.amounts[place]))
    end
    row.committed = plus(row.committed, int(charged[place]))
  end
  hold.charged = charged
end

local function finish(id, hold, state, charged)
  load(hold.counters)
  charge(hold, charged)
  hold.state = state
  redis.call('ZREM', DUE, id)
  if state == 'expired' then
    redis.call('ZADD', LAPSED, hold.expires, id)
  else
    redis.call('ZREM', LAPSED, id)
  end
  redis.call('ZADD', ENDED, moment, id)
  write(id, hold)
end

local function nothing(hold)
  local charged = {}
  for place in ipairs(hold.counters) do
    charged[place] = '0'
  end
  return charged
end

-- As if a hold that nobody knows of had never been taken.
local function undo(id)
  local hold = find(id)
  if hold and hold.state == 'open' then
    load(hold.counters)
    for place, key in ipairs(hold.counters) do
      local row = touch(key)
      row.held = minus(row.held, int(hold.amounts[place]))
    end
    redis.call('ZREM', DUE, id)
    redis.call('HDEL', HOLDS, id)
  end
end

-- Charges the holds whose time is over, some at a time: others wait while a script runs.
local function expire()
  local ids = redis.call('ZRANGEBYSCORE', DUE, '-inf', moment, 'LIMIT', 0, AT_ONCE)
  for _, id in ipairs(ids) do
    local hold = find(id)
    finish(id, hold, 'expired', hold.amounts)
  end
  return #ids
end

local function enter_in_audit(counter, action, amount, reason, who)
  local entry = { at = moment, counter = counter, action = action, amount = amount, reason = reason, who = who }
  redis.call('RPUSH', AUDIT, cjson.encode(entry))
end
