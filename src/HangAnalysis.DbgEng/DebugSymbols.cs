using System.Runtime.InteropServices;

namespace HangAnalysis.DbgEng;

/// <summary>DEBUG_MODULE_PARAMETERS.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct DebugModuleParameters
{
    /// <summary>Address of the image.</summary>
    public readonly ulong Base;

    /// <summary>SizeOfImage.</summary>
    public readonly uint Size;

    /// <summary>Link time stamp.</summary>
    public readonly uint TimeDateStamp;

    /// <summary>Check sum.</summary>
    public readonly uint Checksum;

    /// <summary>DEBUG_MODULE_*: 1 unloaded, 2 user mode.</summary>
    public readonly uint Flags;

    private readonly uint _symbolType, _imageNameSize, _moduleNameSize, _loadedImageNameSize, _symbolFileNameSize, _mappedImageNameSize;
    private readonly ulong _reserved0, _reserved1;
}

/// <summary>Which name of a module is meant (DEBUG_MODNAME_*).</summary>
public enum ModuleNameKind : uint
{
    /// <summary>File name of the image.</summary>
    Image = 0,

    /// <summary>Name before the '!'.</summary>
    Module = 1,

    /// <summary>Path that the loader recorded.</summary>
    LoadedImage = 2,

    /// <summary>The opened symbol file.</summary>
    SymbolFile = 3,
}

/// <summary>IDebugSymbols3: modules and where their symbols are.</summary>
public sealed unsafe class DebugSymbols : IDisposable
{
    private static readonly Guid s_id = new("f02fbecc-50ac-4f36-9ad9-c975e8f32ff8");
    private readonly DebugInterface _symbols;

    /// <summary>Takes the interface from a client.</summary>
    public DebugSymbols(DebugInterface client) => _symbols = client.Query(s_id);

    /// <summary>The symbol path.</summary>
    public string SymbolPath
    {
        get
        {
            const int MostCharacters = 32768;
            char[] buffer = new char[MostCharacters];
            uint length;
            fixed (char* chars = buffer)
                return ((delegate* unmanaged[Stdcall]<nint, char*, uint, uint*, int>)_symbols[76])(
                    _symbols.Pointer, chars, MostCharacters, &length) < 0 ? "" : new string(chars);
        }
        set
        {
            fixed (char* chars = value)
                DebugEngineException.ThrowIfFailed(((delegate* unmanaged[Stdcall]<nint, char*, int>)_symbols[77])(
                    _symbols.Pointer, chars), "SetSymbolPathWide");
        }
    }

    /// <summary>Loaded modules in the engine's order, and behind them the unloaded ones.</summary>
    public DebugModuleParameters[] GetModules(int most)
    {
        uint loaded, unloaded;
        int result = ((delegate* unmanaged[Stdcall]<nint, uint*, uint*, int>)_symbols[12])(_symbols.Pointer, &loaded, &unloaded);
        if (result < 0 || loaded == 0)
            return [];
        DebugModuleParameters[] modules = new DebugModuleParameters[Math.Min((ulong)loaded + unloaded, (uint)most)];
        fixed (DebugModuleParameters* first = modules)
            result = ((delegate* unmanaged[Stdcall]<nint, uint, ulong*, uint, DebugModuleParameters*, int>)_symbols[17])(
                _symbols.Pointer, (uint)modules.Length, null, 0, first);
        return result < 0 ? [] : modules;
    }

    /// <summary>A name of the module at an address; empty where there is none.</summary>
    public string GetModuleName(ModuleNameKind kind, ulong moduleBase) => GetModuleName(kind, uint.MaxValue, moduleBase);

    /// <summary>A name of the module at an index of <see cref="GetModules"/>; empty where there is none.</summary>
    public string GetModuleName(ModuleNameKind kind, int index) => GetModuleName(kind, (uint)index, 0);

    /// <summary>
    /// Has the engine load the symbols of the module at an address, if it put that off until they are needed. Whether the
    /// address has a name.
    /// </summary>
    public bool LoadSymbolsAt(ulong address)
    {
        const int Characters = 256;
        byte* name = stackalloc byte[Characters];
        uint length;
        ulong displacement;
        return ((delegate* unmanaged[Stdcall]<nint, ulong, byte*, uint, uint*, ulong*, int>)_symbols[7])(
            _symbols.Pointer, address, name, Characters, &length, &displacement) >= 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _symbols.Release();

    /// <summary>By index, or where that is DEBUG_ANY_ID, by address.</summary>
    private string GetModuleName(ModuleNameKind kind, uint index, ulong moduleBase)
    {
        const int MostCharacters = 1024;
        char* buffer = stackalloc char[MostCharacters];
        uint length;
        int result = ((delegate* unmanaged[Stdcall]<nint, uint, uint, ulong, char*, uint, uint*, int>)_symbols[89])(
            _symbols.Pointer, (uint)kind, index, moduleBase, buffer, MostCharacters, &length);
        return result == DebugInterface.Ok ? new string(buffer) : "";
    }
}
