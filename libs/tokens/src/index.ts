export { TOKEN_SECONDS, signAccessToken, verifyAccessToken, type AccessClaims, type VerifiedToken } from './access-token';
