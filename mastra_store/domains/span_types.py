"""The types of spans that Mastra knows (O5). Others are stored and filtered just as well."""

SPAN_TYPES = frozenset(
    {
        "agent_run",
        "scorer_run",
        "classifier_evaluation",
        "scorer_step",
        "generic",
        "model_generation",
        "model_step",
        "model_inference",
        "model_chunk",
        "mcp_tool_call",
        "mcp_server_request",
        "processor_run",
        "tool_call",
        "client_tool_call",
        "provider_tool_call",
        "workflow_run",
        "workflow_step",
        "workflow_conditional",
        "workflow_conditional_eval",
        "workflow_parallel",
        "workflow_loop",
        "workflow_sleep",
        "workflow_wait_event",
        "memory_operation",
        "workspace_action",
        "rag_ingestion",
        "rag_embedding",
        "rag_vector_operation",
        "rag_action",
        "graph_action",
        "mapping",
        "skill_resolution",
        "skill_action",
        "agent_signal",
    }
)

BRANCH_TYPES = (
    "agent_run",
    "workflow_run",
    "processor_run",
    "scorer_run",
    "rag_ingestion",
    "tool_call",
    "mcp_tool_call",
    "mcp_server_request",
    "provider_tool_call",
)
"""Those that begin a branch of a trace (O27)."""
