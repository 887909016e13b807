"""The store of many hosts: one Redis, or one slot of a cluster, in which every request is one atomic script."""

from spanledger.budget.redis.store import RedisStore

__all__ = ["RedisStore"]
