"""Reports: what a span of time cost, how it went, who is to be billed. All of it is read from the ledger."""

from spanledger.report.made import KINDS, Kind, made
from spanledger.report.model import Column, Period, Report, Table

__all__ = ["KINDS", "Column", "Kind", "Period", "Report", "Table", "made"]
