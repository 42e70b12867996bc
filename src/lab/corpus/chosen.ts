/** Which variant bytes are for: they do not say it themselves. */
const VARIABLE = 'VFIOLAB_VARIANT';

/** What the environment variable `VFIOLAB_VARIANT` names; mlx5 if it names none. */
export const chosenVariant = (): string => process.env[VARIABLE] || 'mlx5';
