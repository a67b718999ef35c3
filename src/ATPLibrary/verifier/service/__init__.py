"""The verification service: where agents that dial in are let in, and handed to the sessions of their VMs.

`VerificationService` listens on TCP, WebSocket and a UNIX socket (`listeners`); each connection is a `Peer` of whole messages. Who
it is, its hello says (`admission`), judged by the `TokenBook`; then it stands in the `AgentRegistry`, as a byte channel that an
`AgentSession` takes. docs/agent-protocol.md says what travels.
"""
