import { EXAMPLE_EVENT, AnyEvent, EXAMPLES, REQUESTS, TargetResponse, errorsOf, parseInput, type RequestContract } from './index';

describe('the examples', () => {
  it.each(REQUESTS.map((contract) => [contract.subject, contract as RequestContract]))(
    'of %s hold to the contract',
    (subject, contract) => {
      const { input, output, refusal, ...rest } = EXAMPLES[subject];

      expect(() => parseInput(contract.input, input)).not.toThrow();
      expect(contract.output.parse(output)).toEqual(output);
      if ('running' in rest) expect(contract.output.parse(rest.running)).toEqual(rest.running);
      expect(errorsOf(contract)).toContain(refusal);
    },
  );

  it('of an event holds to the contract', () => {
    expect(AnyEvent.parse(EXAMPLE_EVENT)).toEqual(EXAMPLE_EVENT);
    expect(TargetResponse.parse(EXAMPLE_EVENT.data)).toEqual(EXAMPLE_EVENT.data);
  });
});
