namespace HangAnalysis.DumpForge.Linux.Layouts;

/// <summary>Numbers that look random and are the same in every run (splitmix64).</summary>
internal sealed class Mix(ulong seed)
{
    private ulong _state = seed;

    /// <summary>FNV-1a of a text: string.GetHashCode differs from run to run.</summary>
    public static ulong Hash(string text)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (char letter in text)
            hash = (hash ^ letter) * 0x100000001b3;
        return hash;
    }

    public ulong Next()
    {
        ulong z = _state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }

    public int Next(int limit) => (int)(Next() % (ulong)limit);
}
