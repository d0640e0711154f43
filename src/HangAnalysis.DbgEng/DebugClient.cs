namespace HangAnalysis.DbgEng;

/// <summary>IDebugClient4: opens dumps, and knows which are open.</summary>
public sealed unsafe class DebugClient : IDisposable
{
    private static readonly Guid s_id = new("ca83c3de-5089-4cf8-93c8-d892387f2a5e");
    private readonly DebugInterface _client;

    /// <summary>Takes the interface from a client, or another of the engine's interfaces.</summary>
    public DebugClient(DebugInterface client) => _client = client.Query(s_id);

    /// <summary>Opens a dump; <see cref="DebugControl.WaitForEvent"/> then reads it. Returns the HRESULT.</summary>
    public int OpenDumpFile(string path)
    {
        fixed (char* chars = path)
            return ((delegate* unmanaged[Stdcall]<nint, char*, ulong, int>)_client[60])(_client.Pointer, chars, 0);
    }

    /// <summary>Sets who receives output: an IDebugOutputCallbacks.</summary>
    public void SetOutputCallbacks(nint callbacks) => DebugEngineException.ThrowIfFailed(
        ((delegate* unmanaged[Stdcall]<nint, nint, int>)_client[34])(_client.Pointer, callbacks), "SetOutputCallbacks");

    /// <summary>Which kinds of output the client receives (DEBUG_OUTPUT_*).</summary>
    public uint OutputMask
    {
        get
        {
            uint mask;
            return ((delegate* unmanaged[Stdcall]<nint, uint*, int>)_client[35])(_client.Pointer, &mask) < 0 ? 0 : mask;
        }
        set => ((delegate* unmanaged[Stdcall]<nint, uint, int>)_client[36])(_client.Pointer, value);
    }

    /// <summary>Ends the session (DEBUG_END_*).</summary>
    public void EndSession(uint flags) => ((delegate* unmanaged[Stdcall]<nint, uint, int>)_client[26])(_client.Pointer, flags);

    /// <summary>Path of the dump that is open; null where there is none.</summary>
    public string? GetDumpFile()
    {
        const int MostCharacters = 32768;
        char[] buffer = new char[MostCharacters];
        uint length, type;
        ulong handle;
        fixed (char* chars = buffer)
        {
            int result = ((delegate* unmanaged[Stdcall]<nint, uint, char*, uint, uint*, ulong*, uint*, int>)_client[65])(
                _client.Pointer, 0, chars, MostCharacters, &length, &handle, &type);
            return result == DebugInterface.Ok && length > 1 ? new string(chars, 0, (int)Math.Min(length, MostCharacters) - 1) : null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Release();
}
