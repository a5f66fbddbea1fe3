"""What Redis does for us, each at one stroke, and what its keys are called (docs/limits.md).

Every place is a member of a sorted set, scored with the time at which it is free again, by the
clock of Redis.  So who dies leaves nothing behind, and a set goes with its last member.
"""

import hashlib
from collections.abc import Iterable, Sequence

from tornado_app.admission.counting import Lease, Seat

VERSION = 1
"""Of the layout.  Another has other keys, so that two versions of Parley never mix."""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

ACQUIRE = (
    _NOW
    + """
local name = ARGV[1]
local counts = {}
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local used = redis.call('ZCARD', key)
  if used >= tonumber(ARGV[i * 2]) then return {i, used} end
  counts[i] = used + 1
end
for i, key in ipairs(KEYS) do
  local lasts_ms = tonumber(ARGV[i * 2 + 1])
  redis.call('ZADD', key, now + lasts_ms, name)
  redis.call('PEXPIRE', key, math.max(lasts_ms, redis.call('PTTL', key)))
end
return {0, unpack(counts)}
"""
)
"""One key for each seat, and of each how many there may be and how long it lasts."""

RENEW = (
    _NOW
    + """
local lasts_ms, i = tonumber(ARGV[1]), 2
while ARGV[i] do
  local last = i + 1 + tonumber(ARGV[i + 1])
  for place = i + 2, last do
    redis.call('ZADD', KEYS[tonumber(ARGV[place])], now + lasts_ms, ARGV[i])
  end
  i = last + 1
end
local counts = {}
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('PEXPIRE', key, math.max(lasts_ms, redis.call('PTTL', key)))
  counts[i] = redis.call('ZCARD', key)
end
return counts
"""
)
"""Calls that run have their places, whatever has become of Redis meanwhile."""

RELEASE = """
for i, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[i]) end
return 0
"""

HAS = (
    _NOW
    + """
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
return ends and tonumber(ends) > now + tonumber(ARGV[2]) and 1 or 0
"""
)
"""Whether a place is there, and for so long: one that ends sooner was not renewed in time."""

NOTE = """
local told = {}
for i, key in ipairs(KEYS) do
  local field, mine, reset = ARGV[i * 3 - 1], tonumber(ARGV[i * 3]), ARGV[i * 3 + 1]
  local there = redis.call('HGET', key, 'reset') or '0'
  local is_reset = tonumber(reset) > tonumber(there)
  if is_reset then
    redis.call('DEL', key)
    redis.call('HSET', key, 'reset', reset)
    there = reset
  end
  if tonumber(reset) < tonumber(there) then mine = 0 end
  if mine > 0 then redis.call('HSET', key, field, mine) end
  if mine > 0 or is_reset then redis.call('EXPIRE', key, ARGV[1]) end
  local sum = 0
  for _, value in ipairs(redis.call('HVALS', key)) do sum = sum + tonumber(value) end
  told[i * 2 - 1] = tonumber(there)
  told[i * 2] = sum - mine - tonumber(there)
end
return told
"""
"""What a process has used in all since a meter was reset last, as far as it knows, under a field of
its own; when that was, in Unix milliseconds, and what others have used since.

Of one who knows an older reset nothing is noted, and by one who knows a newer one it is done again:
so to say anything again changes nothing, and what Redis has lost of a process that lives comes
back, resets as well.
"""

HOLD = (
    _NOW
    + """
local ends_at, others = now + tonumber(ARGV[1]), {}
for i, key in ipairs(KEYS) do
  local field, mine, sum = ARGV[i * 2], tonumber(ARGV[i * 2 + 1]), 0
  if mine > 0 then
    redis.call('HSET', key, field, string.format('%.0f:%.0f', mine, ends_at))
    redis.call('PEXPIRE', key, ARGV[1])
  else
    redis.call('HDEL', key, field)
  end
  local held = redis.call('HGETALL', key)
  for n = 1, #held, 2 do
    local parts, until_ms = string.match(held[n + 1], '(%d+):(%d+)')
    if tonumber(until_ms) > now then
      sum = sum + tonumber(parts)
    else
      redis.call('HDEL', key, held[n])
    end
  end
  others[i] = sum - mine
end
return others
"""
)
"""What a process keeps aside, as long as it goes on to say so, and what others do."""

FOLD = """
for i, key in ipairs(KEYS) do
  local used = redis.call('HGET', key, ARGV[i])
  if used then
    redis.call('HINCRBY', key, 'before', used)
    redis.call('HDEL', key, ARGV[i])
  end
end
return 0
"""
"""Of each key a field that nobody adds to any more goes into one that all have."""

SHARE = """
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version ~= ARGV[1] then return {version, redis.call('HGET', KEYS[1], 'bans') or ''} end
if not ARGV[2] then return {version} end
redis.call('HSET', KEYS[1], 'version', ARGV[2])
redis.call('HSET', KEYS[1], 'bans', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return {ARGV[2]}
"""
"""All bans as one text: what whoever asks has not seen, or, if that is nothing, another in place of
it; its version, the text and when it is over, in Unix milliseconds.
"""


def start_of(prefix: str) -> str:
    """How keys begin.  The braces have a cluster keep them together, as a script needs it."""
    return f"{{{prefix}:{VERSION}}}"


class Keys:
    """Names of keys of places."""

    def __init__(self, prefix: str) -> None:
        self._start = start_of(prefix)

    def of(self, seat: Seat) -> str:
        """No name of a user, an address or an organisation is readable in it."""
        if not seat.whose:
            return f"{self._start}:{seat.limit}"
        return f"{self._start}:{seat.limit}:{digest(seat.whose)}"

    def acquiring(
        self, lease: Lease, lease_s: float, *, takes_over: bool
    ) -> tuple[list[str], list[int | str]]:
        """Keys and arguments of `ACQUIRE`."""
        arguments: list[int | str] = [lease.name]
        for seat in lease.seats:
            lasts_s = lease_s if seat.lasts_s is None else seat.lasts_s
            arguments += [seat.most(takes_over=takes_over), int(lasts_s * 1000)]
        return [self.of(seat) for seat in lease.seats], arguments

    def renewing(
        self, leases: Iterable[Lease], lease_s: float
    ) -> tuple[list[str], list[int | str]]:
        """Keys and arguments of `RENEW`."""
        places: dict[str, int] = {}
        arguments: list[int | str] = [int(lease_s * 1000)]
        for lease in leases:
            kept = [self.of(seat) for seat in lease.kept]
            numbers = [places.setdefault(key, len(places) + 1) for key in kept]
            arguments += [lease.name, len(numbers), *numbers]
        return list(places), arguments

    def releasing(
        self, places: Iterable[tuple[str, Sequence[Seat]]]
    ) -> tuple[list[str], list[int | str]]:
        """Keys and arguments of `RELEASE`, by the names of leases."""
        pairs = [(self.of(seat), name) for name, seats in places for seat in seats]
        return [key for key, _ in pairs], [name for _, name in pairs]


def digest(whose: str) -> str:
    """The same on every machine, and short."""
    return hashlib.blake2b(whose.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
