-- The rule by which a claim is admitted or refused, as `judged` has it in Python, and which warnings are due.

local SEVERITY = { in_flight = 1, insufficient = 2, too_large = 3, exhausted = 4 }

local function load_claims()
  local keys = {}
  for _, claim in ipairs(ask.claims) do
    table.insert(keys, claim.counter)
    for _, key in ipairs(claim.also or {}) do
      table.insert(keys, key)
    end
  end
  load(keys)
end

local function kind_of(amount, limit, committed, halted)
  if halted or not less(committed, limit) then
    return 'exhausted'
  elseif less(limit, amount) then
    return 'too_large'
  end
  return less(limit, plus(committed, amount)) and 'insufficient' or 'in_flight'
end

local function judged(place, claim)
  local row = rows[claim.counter]
  if not claim.limit then
    return nil
  end
  local committed, held, raised = row.committed, row.held, row.raised
  for _, key in ipairs(claim.also or {}) do
    committed, held = plus(committed, rows[key].committed), plus(held, rows[key].held)
    raised = raised == '-' and rows[key].raised or raised
  end
  local limit, amount = int(raised == '-' and claim.limit or raised), int(claim.amount)
  local halted = row.halted == '1'
  local wanted = plus(plus(committed, held), amount)
  if not halted and less(committed, limit) and not less(limit, wanted) then
    return nil
  end
  local kind = kind_of(amount, limit, committed, halted)
  local hopeless = kind == 'exhausted' or (kind == 'insufficient' and text(held) == '0')
  return {
    index = place - 1, kind = kind, limit = text(limit), committed = text(committed), held = text(held),
    needed = claim.amount, halted = halted or (claim.sticky and hopeless) or false,
  }
end

-- The refusal that leaves the least hope; nil where every claim fits. All of them are counted, unless asked otherwise.
local function refusal()
  local refusals, worst = {}, nil
  for place, claim in ipairs(ask.claims) do
    local denied = judged(place, claim)
    if denied then
      table.insert(refusals, denied)
      if not worst or SEVERITY[denied.kind] > SEVERITY[worst.kind] then
        worst = denied
      end
    end
  end
  for _, denied in ipairs(refusals) do
    local claim = ask.claims[denied.index + 1]
    local key, row = claim.counter, touch(claim.counter)
    row.refused = row.refused + (claim.uncounted and 0 or 1)
    if denied.halted and row.halted == '0' then
      row.halted = '1'
      enter_in_audit(key, 'halt', nil, denied.kind, ask.owner)
    end
  end
  return worst
end

local function amounts()
  local found = {}
  for place, claim in ipairs(ask.claims) do
    found[place] = claim.amount
  end
  return found
end

local function new_hold()
  local hold = { state = 'open', owner = ask.owner, expires = moment, counters = {}, amounts = {} }
  for place, claim in ipairs(ask.claims) do
    hold.counters[place], hold.amounts[place] = claim.counter, '0'
  end
  return hold
end

-- Each warning is given once; what one part of a rolling window warned of, the next parts do not repeat.
local function warnings()
  local found = {}
  for place, claim in ipairs(ask.claims) do
    if claim.warns then
      local row = rows[claim.counter]
      local committed, warned = row.committed, int(row.warned)
      for _, key in ipairs(claim.also or {}) do
        committed = plus(committed, rows[key].committed)
        local others = int(rows[key].warned)
        warned = less(warned, others) and others or warned
      end
      for _, amount in ipairs(claim.warns) do
        if less(warned, int(amount)) and not less(committed, int(amount)) then
          touch(claim.counter)
          row.warned = less(int(row.warned), int(amount)) and amount or row.warned
          table.insert(found, { place - 1, amount })
        end
      end
    end
  end
  return found
end
