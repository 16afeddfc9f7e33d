"""Asyncio-native persistence for AI agents, sharing its databases with Mastra in TypeScript."""
