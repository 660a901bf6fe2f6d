export const openApi = (): Record<string, unknown> => ({ openapi: '3.1.0', info: { title: 'Spindle', version: '1' }, paths: {} });
