import { BadSettings, loadSettings } from '#runtime';
import { Settings } from './config';

const withProxies = (TRUSTED_PROXIES: string) =>
  loadSettings(Settings, { AUTH_PUBLIC_KEY_FILE: 'key.pem', TRUSTED_PROXIES }).TRUSTED_PROXIES;

describe('Settings', () => {
  it('trusts no proxy by default', () => {
    expect(withProxies('')).toEqual([]);
  });

  it.each(['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', 'loopback'])('takes %s as a proxy', (address) => {
    expect(withProxies(`${address}, 192.0.2.1`)).toEqual([address, '192.0.2.1']);
  });

  it.each(['proxy.example', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'true', '*'])('refuses %s as a proxy', (address) => {
    expect(() => withProxies(address)).toThrow(BadSettings);
  });
});
