/** The P-256 key that signs access tokens, PEM. A class of its own so that Nest can hand it to the one place that signs. */
export class SigningKey {
  constructor(readonly privateKey: string) {}
}
