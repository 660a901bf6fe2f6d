import type { ListShownReply } from '#contracts';
import type { ConfigfsTree } from './lio/configfs';

/** Every target that the kernel shows, whoever made it, from `after` on. */
export const listShown = (tree: ConfigfsTree, after: string | null, limit: number): ListShownReply => {
  const names = tree
    .targetNames()
    .sort()
    .filter((iqn) => after === null || iqn > after);
  const page = names.slice(0, limit);
  return {
    targets: page.map((iqn) => ({ iqn, sessions: tree.sessionCount(iqn) })),
    next: page.length < names.length ? page.at(-1)! : null,
  };
};
