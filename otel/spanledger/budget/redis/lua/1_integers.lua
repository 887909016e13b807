-- Whole numbers. Lua's are doubles, exact up to 2^53 only, so an amount is a pair {high, low} of value
-- high * 10^9 + low with 0 <= low < 10^9, and travels as text. Exact for everything that 64 bits hold, and far beyond.

local BASE = 1e9

local function pair(high, low)
  local carry = math.floor(low / BASE)
  return { high + carry, low - carry * BASE }
end

local function int(text)
  if #text <= 15 then -- a double has it exactly
    return pair(0, tonumber(text))
  end
  local sign, digits = string.match(text, '^(%-?)(%d+)$')
  local high, low = tonumber(string.sub(digits, 1, -10)), tonumber(string.sub(digits, -9))
  if sign == '-' then
    return pair(-high, -low)
  end
  return { high, low }
end

local function plus(a, b)
  return pair(a[1] + b[1], a[2] + b[2])
end

local function minus(a, b)
  return pair(a[1] - b[1], a[2] - b[2])
end

local function less(a, b)
  return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
end

local function text(a)
  if a[1] > -1e6 and a[1] < 1e6 then
    return string.format('%.0f', a[1] * BASE + a[2])
  end
  local sign = ''
  if a[1] < 0 then
    a, sign = pair(-a[1], -a[2]), '-'
  end
  return sign .. string.format('%.0f%09.0f', a[1], a[2])
end

local ZERO = int('0')
