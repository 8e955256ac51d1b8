"""The permissions that an OAuth client of the platform can have."""

EVERYTHING = frozenset(
    {
        "agentassist:config:read",
        "agentassist:config:write",
        "analytics:agentassist-config:write",
        "analytics:conversationAggregate:view",
        "agent-scripting:read",
        "agent-scripting:write",
        "outbound:campaign:view",
        "outbound:campaign:edit",
        "routing:queue:view",
        "routing:queue:edit",
        "audits:audit:view",
    }
)
