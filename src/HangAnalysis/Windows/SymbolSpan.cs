using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>How far a variable reaches: symbols have no sizes, but the next one begins somewhere.</summary>
internal static class SymbolSpan
{
    /// <summary>
    /// How many elements of an array lie before the next symbol; at least one, at most <paramref name="most"/>. Elements that
    /// alignment leaves free are counted with it.
    /// </summary>
    public static int CountElements(ISymbolFile symbols, string name, int elementSize, int most)
    {
        if (!symbols.TryFindSymbol(name, out uint rva))
            return 0;
        // Whatever lies in the array has its symbol before it: the first that has not ends it.
        int low = 1;
        int high = most;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            bool isInside = symbols.TryFindNearest(rva + (uint)((middle - 1) * elementSize), out NearestSymbol nearest)
                && nearest.Rva == rva;
            if (isInside)
                low = middle;
            else
                high = middle - 1;
        }
        return low;
    }
}
