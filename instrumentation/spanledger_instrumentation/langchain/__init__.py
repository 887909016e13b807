"""LangChain and LangGraph: chains, agents, graph nodes, tools and retrievers as structure around metered calls.

No token is counted here. A chat model run makes no span: the client that it calls is metered by the adapter of that
client, and its span hangs below the chain, node or tool that made the call.

    shapes   what a run becomes: a pure reading of what LangChain says as it starts
    runs     the runs that are open, each with the context that holds inside it
    handler  the callback handler that hears of runs
    stops    what a running graph knows of halts
    halts    how a halted run stops its graphs, and how a graph that is taken up again goes on with its run
    seams    where that context becomes current without leaking, and what ends runs LangChain forgets to end
    caches   hears of the caches of answers
    adapter  which places of which libraries are touched
"""

from spanledger_instrumentation.langchain.adapter import LangChainAdapter

__all__ = ["LangChainAdapter"]
